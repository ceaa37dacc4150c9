#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* At a syntax error libconfig 1.5 leaks the text that it has just read: not ours to mend, and a
 * configuration is not read often. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig\n";
}

void fuzz_must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "fuzz: not so: %s\n", what);
    abort();
}

const char *fuzz_file(struct pos_bytes bytes)
{
    static int file = -1;
    static char path[32];
    if (file < 0) {
        file = memfd_create("fuzz", MFD_CLOEXEC);
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    fuzz_must(file >= 0 && ftruncate(file, 0) == 0 &&
                  pwrite(file, bytes.data, bytes.size, 0) == (ssize_t)bytes.size,
              "the bytes can be put into a file");
    return path;
}

const struct pos_dialect *fuzz_dialect(unsigned number)
{
    static const char *const names[] = {"iso87b", "iso87a", "iso87x", "cup"};
    const struct pos_dialect *dialect =
        pos_dialect_find(pos_bytes_text(names[number % (sizeof names / sizeof names[0])]));
    return dialect != NULL ? dialect : &pos_dialect_iso87b;
}
