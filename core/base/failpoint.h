/*
 * Named places at which a test can kill the process: where a crash would hurt most.
 *
 * They are there when the build says so (CMake option POSGATE_FAILPOINTS, on in the presets dev and
 * asan) and are nothing at all otherwise. The environment variable POSGATE_FAILPOINT names the one
 * that kills, by SIGKILL, so that nothing is tidied up: "export-marked", or "load-line-sent:3" for
 * the third time it is passed.
 */
#ifndef POS_BASE_FAILPOINT_H
#define POS_BASE_FAILPOINT_H

#if POSGATE_FAILPOINTS
/* Any thread. */
void pos_failpoint(const char *name);
#define POS_FAILPOINT(name) pos_failpoint(name)
#else
#define POS_FAILPOINT(name) ((void)0)
#endif

#endif
