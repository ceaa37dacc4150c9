#include "tests/gateway/plain.h"

#include <stdio.h>
#include <stdlib.h>

/* Debian's RocksDB is not built for the thread sanitizer, which therefore cannot see how it orders
 * its own memory accesses. Ours stay under watch. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:librocksdb.so\n";
}

static unsigned passed, failed;

void expect(bool good, const char *what)
{
    passed += good;
    failed += !good;
    if (!good)
        printf("FAILED: %s\n", what);
}

void must(enum pos_status status, const char *what)
{
    if (status == POS_OK)
        return;
    printf("%s: %s\n0 passed, 1 failed\n", what, pos_status_text(status));
    exit(1);
}

int finish(void)
{
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}

static enum pos_status append(void *context, const void *event, struct pos_buffer *record)
{
    (void)context;
    pos_buffer_put_text(record, event);
    return POS_OK;
}

static enum pos_status resume(void *context, struct pos_bytes last)
{
    (void)context;
    (void)last;
    return POS_OK;
}

static void nothing(void *context)
{
    (void)context;
}

const struct pos_audit_writer plain_audit = {
    .append = append, .resume = resume, .keep = nothing, .forget = nothing};
