#include "core/base/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum pos_status pos_secret_protect_process(void)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return POS_ERR_IO;
    return POS_OK;
}

static size_t whole_pages(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (size + page - 1) / page * page;
}

void *pos_secret_create(size_t size)
{
    size_t pages = whole_pages(size);
    void *memory = mmap(NULL, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    if (mlock(memory, pages) != 0 || madvise(memory, pages, MADV_DONTDUMP) != 0 ||
        madvise(memory, pages, MADV_DONTFORK) != 0) {
        (void)munmap(memory, pages);
        return NULL;
    }
    return memory;
}

void pos_secret_destroy(void *memory, size_t size)
{
    if (memory == NULL)
        return;
    pos_secret_wipe(memory, size);
    (void)munmap(memory, whole_pages(size));
}

void pos_secret_wipe(void *memory, size_t size)
{
    explicit_bzero(memory, size);
}

bool pos_secret_equal(const void *a, const void *b, size_t size)
{
    const volatile uint8_t *left = a;
    const volatile uint8_t *right = b;
    uint8_t difference = 0;
    for (size_t i = 0; i < size; i++)
        difference |= (uint8_t)(left[i] ^ right[i]);
    return difference == 0;
}
