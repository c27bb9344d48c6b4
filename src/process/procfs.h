/* SPDX-License-Identifier: MIT */
/* Processes of this system as /proc shows them; Linux only. */
#ifndef MP_PROCESS_PROCFS_H
#define MP_PROCESS_PROCFS_H

#include <stdbool.h>
#include <sys/types.h>

struct mp_proc {
    pid_t pid;
    pid_t parent;
    pid_t group;
    char state;                 /* R, S, D, Z… */
    unsigned long long started; /* clock ticks since boot; with the pid, who it is */
};

/* From the text of /proc/PID/stat, proc_pid_stat(5); false: it is none. */
bool mp_proc_parse(const char *text, struct mp_proc *out);

/* False: no such process. */
bool mp_proc_read(pid_t pid, struct mp_proc *out);

/* Has it ended, though it is not reaped yet? */
bool mp_proc_has_ended(const struct mp_proc *proc);

/* The last pid given to a process or thread of this pid namespace, proc_loadavg(5); -1: unknown. */
pid_t mp_proc_newest(void);

/* Does /proc show the processes of this process's own pid namespace? */
bool mp_proc_usable(void);

#endif
