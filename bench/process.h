/* Other processes: starting, pinning, measuring and ending them. */
#ifndef POS_BENCH_PROCESS_H
#define POS_BENCH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"

/* Two cores of those this process may use, -1 each when there are fewer than two: one for the
 * server under test, one for the load. */
struct pos_pinning {
    int server_core, load_core;
};
struct pos_pinning pos_pinning_choose(void);
void pos_pin_self(int core); /* -1: leave it */
/* Back to all cores that it may use. Returns the core it was pinned to, or -1. */
int pos_unpin_self(void);
size_t pos_core_count(size_t most); /* that this thread may use now; 1 to most */

/* Starts argv[0] with argv on `core`, its standard error appended to `log_path`, its standard
 * output to *output (a descriptor of the caller's; NULL: to the log as well). It dies with us.
 * POS_ERR_NOT_FOUND, POS_ERR_IO. */
POS_MUST_USE enum pos_status pos_process_start(char *const argv[], int core, const char *log_path,
                                               int *output, pid_t *pid, struct pos_error *error);
/* SIGTERM, then SIGKILL after 10 s. Its exit code, or -1 when it died of a signal. */
int pos_process_end(pid_t pid);
/* True when it has ended by itself; its state stays for pos_process_end. */
bool pos_process_ended(pid_t pid);

/* A free port of 127.0.0.1 that nobody else is given until the socket that is returned is closed;
 * a server that reuses addresses may bind it meanwhile. -1: none, with errno. */
int pos_process_hold_port(uint16_t *port);
/* A blocking connection to 127.0.0.1; -1 with errno. */
int pos_process_connect(uint16_t port);
/* Until `name`, process `pid`, listens. POS_ERR_IO: it ended; POS_ERR_TIMEOUT: not within 5 min:
 * opening a hundred million rows takes one. */
POS_MUST_USE enum pos_status pos_process_wait_port(pid_t pid, uint16_t port, const char *name,
                                                   struct pos_error *error);

/* Nanoseconds on a CPU of all its threads: the first number of each /proc/PID/task/N/schedstat. 0
 * when it cannot be read. */
uint64_t pos_process_cpu_ns(pid_t pid);
/* Bytes of its own memory: Anonymous of /proc/PID/smaps_rollup, or where that may not be read
 * resident less shared of statm. 0 when neither can be. */
uint64_t pos_process_memory(pid_t pid);

#endif
