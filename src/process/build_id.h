/* SPDX-License-Identifier: MIT */
/* NT_GNU_BUILD_ID among an ELF file's notes (elf(5)), in memory or on disk. */
#ifndef MP_PROCESS_BUILD_ID_H
#define MP_PROCESS_BUILD_ID_H

#include <link.h>

#include "process/place.h"

/* Of a loaded module; false if it has none. */
bool mp_build_id_of_module(const struct dl_phdr_info *module, struct mp_identity *identity);

/* Of a file that may be anything; false if it has none or is no ELF file of this kind. */
bool mp_build_id_of_file(const char *path, struct mp_identity *identity);

#endif
