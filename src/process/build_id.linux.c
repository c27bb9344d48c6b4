/* SPDX-License-Identifier: MIT */
#include "process/build_id.h"

#include <elf.h>
#include <fcntl.h>
#include <stdalign.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

#define MAX_SEGMENTS 64
#define MAX_NOTES 4096 /* longest segment of notes that is read from a file, bytes */

static size_t align_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* One segment's notes: header, name, description, each padded to the segment's alignment. */
static bool find_in_notes(const unsigned char *notes, size_t len, size_t align,
                          struct mp_identity *identity)
{
    align = align == 8 ? 8 : 4;
    for (size_t at = 0; len - at >= sizeof(ElfW(Nhdr));) {
        ElfW(Nhdr) header;
        memcpy(&header, notes + at, sizeof header);
        size_t name = at + sizeof header;
        if (header.n_namesz > len - name)
            return false;
        size_t body = align_up(name + header.n_namesz, align);
        if (body > len || header.n_descsz > len - body)
            return false;
        if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == sizeof "GNU" &&
            memcmp(notes + name, "GNU", sizeof "GNU") == 0 && header.n_descsz > 0 &&
            header.n_descsz <= sizeof identity->bytes) {
            *identity = (struct mp_identity){.kind = MP_BUILD_ID, .len = header.n_descsz};
            memcpy(identity->bytes, notes + body, header.n_descsz);
            return true;
        }
        at = align_up(body + header.n_descsz, align);
        if (at > len)
            return false;
    }
    return false;
}

/* Linker scripts can leave notes out of what is loaded. */
static bool is_loaded(const struct dl_phdr_info *module, const ElfW(Phdr) * segment)
{
    for (size_t i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *load = &module->dlpi_phdr[i];
        if (load->p_type == PT_LOAD && (load->p_flags & PF_R) &&
            segment->p_vaddr >= load->p_vaddr &&
            segment->p_vaddr - load->p_vaddr <= load->p_filesz &&
            segment->p_filesz <= load->p_filesz - (segment->p_vaddr - load->p_vaddr))
            return true;
    }
    return false;
}

bool mp_build_id_of_module(const struct dl_phdr_info *module, struct mp_identity *identity)
{
    for (size_t i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &module->dlpi_phdr[i];
        if (segment->p_type != PT_NOTE || !is_loaded(module, segment))
            continue;
        const void *notes = (const void *)(uintptr_t)(module->dlpi_addr + segment->p_vaddr);
        if (find_in_notes(notes, segment->p_filesz, segment->p_align, identity))
            return true;
    }
    return false;
}

static bool read_at(int fd, void *to, size_t len, uint64_t offset)
{
    return offset <= INT64_MAX && pread(fd, to, len, (off_t)offset) == (ssize_t)len;
}

static bool find_in_file(int fd, struct mp_identity *identity)
{
    ElfW(Ehdr) header;
    ElfW(Phdr) segments[MAX_SEGMENTS];
    alignas(8) unsigned char notes[MAX_NOTES];
    if (!read_at(fd, &header, sizeof header, 0) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
        header.e_phentsize != sizeof *segments || header.e_phnum > MAX_SEGMENTS ||
        !read_at(fd, segments, header.e_phnum * sizeof *segments, header.e_phoff))
        return false;
    for (size_t i = 0; i < header.e_phnum; i++) {
        size_t len = segments[i].p_filesz;
        if (segments[i].p_type == PT_NOTE && len <= sizeof notes &&
            read_at(fd, notes, len, segments[i].p_offset) &&
            find_in_notes(notes, len, segments[i].p_align, identity))
            return true;
    }
    return false;
}

bool mp_build_id_of_file(const char *path, struct mp_identity *identity)
{
    int fd = mp_fd_own(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (fd < 0)
        return false;
    bool found = find_in_file(fd, identity);
    mp_fd_close(&fd);
    return found;
}
