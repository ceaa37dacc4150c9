#include "gateway/descriptors.h"

#include <dirent.h>
#include <stddef.h>
#include <sys/resource.h>

/* Database files, host links, what reads the metrics: at least so many, and twice those that are
 * open at the start, as a table that grows gets more files. */
enum { BESIDE_CONNECTIONS = 512 };

static rlim_t count_open(void)
{
    rlim_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return 0;
    while (readdir(folder) != NULL)
        count++;
    (void)closedir(folder);
    return count;
}

/* The limit after it was raised towards `wanted`. */
static rlim_t raise_limit(rlim_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return wanted;
    rlim_t before = limit.rlim_cur;
    if (before >= wanted)
        return before;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

enum pos_status pos_descriptors_take(uint32_t wanted, uint32_t *connections,
                                     struct pos_error *error)
{
    rlim_t beside = 2 * count_open();
    if (beside < BESIDE_CONNECTIONS)
        beside = BESIDE_CONNECTIONS;
    rlim_t have = raise_limit(wanted + beside);
    *connections = wanted;
    if (have >= wanted + beside)
        return POS_OK;
    *connections = have > beside ? (uint32_t)(have - beside) : 0;
    return pos_error_set(error, POS_ERR_LIMIT,
                         "limits.connections = %u takes %llu descriptors and this process may have "
                         "%llu, enough for %u connections: raise its limit (LimitNOFILE= of "
                         "systemd, ulimit -n) or lower limits.connections",
                         wanted, (unsigned long long)(wanted + beside), (unsigned long long)have,
                         *connections);
}
