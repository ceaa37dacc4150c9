/* What the kernel was told about secret memory and the process that holds it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/secret.h"

/* The address sanitizer makes mlock do nothing. */
#ifdef __SANITIZE_ADDRESS__
enum { LOCKS_ARE_REAL = false };
#else
enum { LOCKS_ARE_REAL = true };
#endif

/* Whether the mapping that holds `at` has this flag in /proc/self/smaps ("lo", "dd", "dc"). */
static bool mapping_has(const void *at, const char *flag)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    cr_assert_not_null(maps);
    char line[512];
    bool inside = false, found = false;
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = (unsigned long)at >= from && (unsigned long)at < to;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line + 8, flag) != NULL;
    }
    (void)fclose(maps);
    return found;
}

Test(secret, memory_is_zeroed_locked_not_dumped_and_not_inherited)
{
    static const size_t sizes[] = {1, 32, 4096, 4097};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *memory = pos_secret_create(sizes[i]);
        cr_assert_not_null(memory);
        for (size_t at = 0; at < sizes[i]; at++)
            cr_assert_eq(memory[at], 0);
        memory[0] = memory[sizes[i] - 1] = 1;
        cr_expect_eq(mapping_has(memory, " lo"), LOCKS_ARE_REAL, "locked");
        cr_expect(mapping_has(memory, " dd"), "left out of core files");
        cr_expect(mapping_has(memory, " dc"), "not copied by fork");
        pos_secret_destroy(memory, sizes[i]);
    }
    pos_secret_destroy(NULL, 32);
}

Test(secret, none_is_given_that_cannot_be_locked)
{
    if (!LOCKS_ARE_REAL)
        cr_skip("the address sanitizer locks nothing");
    const struct rlimit none = {0, 0};
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        /* Root may lock without limit. */
        bool dropped = geteuid() != 0 || setuid(65534) == 0;
        if (!dropped || setrlimit(RLIMIT_MEMLOCK, &none) != 0)
            _exit(1);
        _exit(pos_secret_create(32) == NULL ? 7 : 2);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 7, "status %x", (unsigned)status);
}

Test(secret, a_protected_process_leaves_no_core_and_cannot_be_traced)
{
    cr_assert_eq(pos_secret_protect_process(), POS_OK);
    struct rlimit core;
    cr_assert_eq(getrlimit(RLIMIT_CORE, &core), 0);
    cr_expect(core.rlim_cur == 0 && core.rlim_max == 0);
    cr_expect_eq(prctl(PR_GET_DUMPABLE), 0);
}
