#include "core/base/failpoint.h"

#if POSGATE_FAILPOINTS

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_ulong passes; /* of the one that is named: there is never a second */

void pos_failpoint(const char *name)
{
    const char *named = getenv("POSGATE_FAILPOINT");
    if (named == NULL)
        return;
    size_t size = strcspn(named, ":");
    if (strlen(name) != size || memcmp(name, named, size) != 0)
        return;
    unsigned long wanted = named[size] == ':' ? strtoul(named + size + 1, NULL, 10) : 1;
    if (atomic_fetch_add(&passes, 1) + 1 == wanted)
        (void)kill(getpid(), SIGKILL);
}

#else
/* A file of nothing is no C. */
typedef int pos_failpoints_are_off;
#endif
