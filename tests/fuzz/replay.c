/*
 * Replays what is kept of fuzzing: every input of every target's corpus, each a pass when nothing
 * happens. A target runs in a process of its own, so that one that ends badly is counted and the
 * others go on.
 *
 * usage: replay CORPUS [TARGET...]
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_SIZE_MAX = 1 << 20 };

static const struct target {
    const char *name;
    void (*run)(const uint8_t *data, size_t size);
} targets[] = {
#define X(name) {#name, fuzz_##name},
    FUZZ_TARGET_LIST(X)
#undef X
};

/* Shared with the process that runs a target: how far it came. */
static struct progress {
    int done;
    char path[768];
} * progress;

static int passed, failed;

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void replay_file(const struct target *target, const char *path)
{
    uint8_t *data;
    size_t size;
    struct pos_error error;
    if (pos_file_read(path, INPUT_SIZE_MAX, &data, &size, &error) != POS_OK) {
        (void)fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    /* Of exactly its size, so that the sanitizers see a byte too much. */
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (exact == NULL)
        exit(1);
    memcpy(exact, data, size);
    free(data);
    target->run(exact, size);
    free(exact);
}

/* In the target's process: from input `first` on. */
static void replay_from(const struct target *target, const char *folder, struct dirent **entries,
                        int count, int first)
{
    for (int i = first; i < count; i++) {
        progress->done = i;
        (void)snprintf(progress->path, sizeof progress->path, "%s/%s", folder, entries[i]->d_name);
        replay_file(target, progress->path);
    }
    progress->done = count;
    (void)fflush(NULL);
    exit(0);
}

/* One process; returns the input to go on with. */
static int replay_once(const struct target *target, const char *folder, struct dirent **entries,
                       int count, int first)
{
    (void)fflush(NULL);
    progress->done = first;
    pid_t child = fork();
    if (child == 0)
        replay_from(target, folder, entries, count, first);
    int status = -1;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    passed += progress->done - first;
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 && progress->done == count)
        return count;
    (void)printf("FAILED: %s: %s\n", target->name,
                 progress->done < count ? progress->path : "at its end");
    failed++;
    return progress->done + 1;
}

static void replay(const struct target *target, const char *corpus)
{
    char folder[384];
    struct dirent **entries = NULL;
    (void)snprintf(folder, sizeof folder, "%s/%s", corpus, target->name);
    int count = scandir(folder, &entries, is_input, alphasort);
    if (count <= 0) {
        (void)printf("FAILED: %s: there is nothing in %s\n", target->name, folder);
        failed++;
    }
    for (int next = 0; next < count;)
        next = replay_once(target, folder, entries, count, next);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
}

static bool chosen(const char *name, int count, char **names)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return count == 0;
}

int main(int count, char **arguments)
{
    if (count < 2) {
        (void)fprintf(stderr, "usage: %s CORPUS [TARGET...]\n", arguments[0]);
        return 2;
    }
    progress =
        mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED)
        return 1;
    pos_log_set_level(POS_LOG_ERROR);
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        if (chosen(targets[i].name, count - 2, arguments + 2))
            replay(&targets[i], arguments[1]);
    (void)printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
