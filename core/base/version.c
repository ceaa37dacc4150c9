/*
 * What was compiled comes from a header that the build writes (cmake/version.cmake). What is loaded
 * is asked of the running process by name, so that this floor includes no third-party header and a
 * program only speaks of libraries that it uses.
 */
#include "core/base/version.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "posgate/version.h"

enum { DETAILS_SIZE = 1024 };

const char *pos_version_line(void)
{
    return "posgate " POSGATE_VERSION;
}

const char *pos_version_commit(void)
{
    return POSGATE_COMMIT;
}

/* A dlsym result as a function, without the cast that C does not define. */
static bool symbol(const char *name, void *function, size_t size)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    if (found == NULL)
        return false;
    memcpy(function, &found, size);
    return true;
}

static void put_uv(struct pos_buffer *out)
{
    const char *(*version)(void);
    if (symbol("uv_version_string", &version, sizeof version))
        pos_buffer_format(out, "libuv: compiled " POSGATE_UV_VERSION ", loaded %s\n", version());
}

static void put_openssl(struct pos_buffer *out)
{
    const char *(*version)(int);
    enum { OPENSSL_VERSION_AND_DATE = 0 };
    if (symbol("OpenSSL_version", &version, sizeof version))
        pos_buffer_format(out, "OpenSSL: compiled " POSGATE_OPENSSL_VERSION ", loaded %s\n",
                          version(OPENSSL_VERSION_AND_DATE));
}

/* RocksDB has no C function that tells; the name of the file that was loaded does. */
static void put_rocksdb(struct pos_buffer *out)
{
    Dl_info facts;
    char path[PATH_MAX];
    void *found = dlsym(RTLD_DEFAULT, "rocksdb_open");
    if (found != NULL && dladdr(found, &facts) != 0 && realpath(facts.dli_fname, path) != NULL)
        pos_buffer_format(out, "RocksDB: compiled " POSGATE_ROCKSDB_VERSION ", loaded %s\n", path);
}

const char *pos_version_details(void)
{
    static char text[DETAILS_SIZE];
    struct pos_buffer out = pos_buffer(text, sizeof text - 1);
    pos_buffer_put_text(&out, "commit: " POSGATE_COMMIT "\n"
                              "compiler: " POSGATE_COMPILER "\n"
                              "build: " POSGATE_BUILD_TYPE "\n");
    put_uv(&out);
    put_openssl(&out);
    put_rocksdb(&out);
    text[out.size] = '\0';
    return text;
}
