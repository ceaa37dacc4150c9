#include "bench/process.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_TRIES = 30000 }; /* of 10 ms */

struct pos_pinning pos_pinning_choose(void)
{
    struct pos_pinning none = {-1, -1}, pinning = none;
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return none;
    for (int core = 0; core < CPU_SETSIZE; core++) {
        if (!CPU_ISSET(core, &set))
            continue;
        if (pinning.server_core < 0)
            pinning.server_core = core;
        else if (pinning.load_core < 0)
            pinning.load_core = core;
    }
    return pinning.load_core < 0 ? none : pinning;
}

/* Where this process was before it was pinned, and where it is. */
static cpu_set_t unpinned;
static int pinned_core = -1;

void pos_pin_self(int core)
{
    cpu_set_t set;
    if (core < 0)
        return;
    if (pinned_core < 0 && sched_getaffinity(0, sizeof unpinned, &unpinned) != 0)
        return;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (sched_setaffinity(0, sizeof set, &set) == 0)
        pinned_core = core;
}

int pos_unpin_self(void)
{
    int core = pinned_core;
    if (core >= 0 && sched_setaffinity(0, sizeof unpinned, &unpinned) == 0)
        pinned_core = -1;
    return core;
}

size_t pos_core_count(size_t most)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < 1)
        return 1;
    return (size_t)CPU_COUNT(&set) < most ? (size_t)CPU_COUNT(&set) : most;
}

/* In the child, between fork and exec. */
static void become(char *const argv[], int core, const char *log_path, int output)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pos_pin_self(core);
    int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log >= 0) {
        dup2(log, STDERR_FILENO);
        dup2(output >= 0 ? output : log, STDOUT_FILENO);
    }
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(nothing, STDIN_FILENO);
    execv(argv[0], argv);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

enum pos_status pos_process_start(char *const argv[], int core, const char *log_path, int *output,
                                  pid_t *pid, struct pos_error *error)
{
    int ends[2] = {-1, -1};
    if (access(argv[0], X_OK) != 0)
        return pos_error_set(error, POS_ERR_NOT_FOUND, "cannot run %s: %s; build it first", argv[0],
                             strerror(errno));
    if (output != NULL && pipe2(ends, O_CLOEXEC) != 0)
        return pos_error_set(error, POS_ERR_IO, "cannot make a pipe: %s", strerror(errno));
    *pid = fork();
    if (*pid == 0)
        become(argv, core, log_path, ends[1]);
    if (ends[1] >= 0)
        close(ends[1]);
    if (*pid < 0) {
        if (ends[0] >= 0)
            close(ends[0]);
        return pos_error_set(error, POS_ERR_IO, "cannot start %s: %s", argv[0], strerror(errno));
    }
    if (output != NULL)
        *output = ends[0];
    return POS_OK;
}

bool pos_process_ended(pid_t pid)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid;
}

int pos_process_end(pid_t pid)
{
    int status = 0;
    kill(pid, SIGTERM);
    for (int i = 0; i < 1000 && !pos_process_ended(pid); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    if (!pos_process_ended(pid))
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- ports ---- */

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
}

int pos_process_hold_port(uint16_t *port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, size) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &size) == 0) {
        *port = ntohs(address.sin_port);
        return fd;
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int pos_process_connect(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

enum pos_status pos_process_wait_port(pid_t pid, uint16_t port, const char *name,
                                      struct pos_error *error)
{
    for (int i = 0; i < START_TRIES; i++) {
        int fd = pos_process_connect(port);
        if (fd >= 0) {
            close(fd);
            return POS_OK;
        }
        if (pos_process_ended(pid))
            return pos_error_set(error, POS_ERR_IO, "%s ended at once", name);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return pos_error_set(error, POS_ERR_TIMEOUT, "%s does not listen after a minute", name);
}

/* ---- what they use ---- */

static uint64_t first_number(const char *path)
{
    unsigned long long value = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu", &value) != 1)
        value = 0;
    (void)fclose(file);
    return value;
}

uint64_t pos_process_cpu_ns(pid_t pid)
{
    char path[320];
    uint64_t sum = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        return 0;
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        if (task->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "/proc/%d/task/%.200s/schedstat", (int)pid, task->d_name);
        sum += first_number(path);
    }
    (void)closedir(tasks);
    return sum;
}

/* For a process that nobody may look into (it holds keys): resident less shared pages. */
static uint64_t private_pages(pid_t pid)
{
    char path[64];
    unsigned long long size, resident = 0, shared = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu %llu", &size, &resident, &shared) != 3)
        resident = shared = 0;
    (void)fclose(file);
    return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t pos_process_memory(pid_t pid)
{
    char path[64], line[256];
    unsigned long long kilobytes = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return private_pages(pid);
    while (kilobytes == 0 && fgets(line, sizeof line, file) != NULL)
        (void)sscanf(line, "Anonymous: %llu kB", &kilobytes);
    (void)fclose(file);
    return kilobytes == 0 ? private_pages(pid) : kilobytes * 1024;
}
