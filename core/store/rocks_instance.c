/*
 * The open database. A writer has one for as long as it runs. A follower gets a new one now and
 * then; reads that began with the old one end with it. Two things make a new one needed.
 *
 * An open one holds on to every file that it has seen (pos_rocks_let_go).
 *
 * And one that missed a write-ahead log is wrong for good. RocksDB follows a writer by reading its
 * logs into memory; what the writer has moved from a log to a table is then there twice, and memory
 * is looked at first. So a row that went through a log which came and went between two catch-ups is
 * hidden by the older row in memory: one command exports a batch, and the next one removes its log.
 *
 * A log goes only after the manifest has said so. So none was missed while the newest log is the
 * same, as no other came; or while the manifest is the same, as none went. Else the follower begins
 * anew, with an empty memory.
 */
#include <stdlib.h>
#include <string.h>

#include "core/store/rocks_inside.h"

enum { OPEN_COUNT_MAX = 10 };

struct pos_rocks_instance *pos_rocks_enter(struct pos_rocks *rocks)
{
    if (!rocks->follower)
        return rocks->now;
    (void)pthread_mutex_lock(&rocks->lock);
    struct pos_rocks_instance *instance = rocks->now;
    instance->reader_count++;
    (void)pthread_mutex_unlock(&rocks->lock);
    return instance;
}

void pos_rocks_leave(struct pos_rocks *rocks, struct pos_rocks_instance *instance)
{
    if (!rocks->follower)
        return;
    (void)pthread_mutex_lock(&rocks->lock);
    if (--instance->reader_count == 0)
        (void)pthread_cond_broadcast(&rocks->unread);
    (void)pthread_mutex_unlock(&rocks->lock);
}

void pos_rocks_close_instance(struct pos_rocks *rocks, struct pos_rocks_instance *instance)
{
    if (instance == NULL)
        return;
    for (size_t i = 0; i <= rocks->family_count; i++)
        rocksdb_column_family_handle_destroy(instance->families[i]);
    rocksdb_close(instance->db);
    free(instance);
}

/* NULL: *text is RocksDB's, or NULL too for want of memory. */
static struct pos_rocks_instance *open_in(struct pos_rocks *rocks, const char *scratch, char **text)
{
    /* RocksDB wants its own "default" family opened too; it stays empty, behind ours. */
    const char *names[POS_ROCKS_FAMILY_COUNT_MAX];
    const rocksdb_options_t *family_options[POS_ROCKS_FAMILY_COUNT_MAX];
    int count = (int)rocks->family_count + 1;
    struct pos_rocks_instance *made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    for (int i = 0; i < count; i++) {
        names[i] = i < count - 1 ? rocks->family_names[i] : "default";
        family_options[i] = rocks->family_options[i];
    }
    if (rocks->follower)
        made->db =
            rocksdb_open_as_secondary_column_families(rocks->options, rocks->path, scratch, count,
                                                      names, family_options, made->families, text);
    else
        made->db = rocksdb_open_column_families(rocks->options, rocks->path, count, names,
                                                family_options, made->families, text);
    if (*text == NULL)
        return made;
    free(made);
    return NULL;
}

static struct pos_rocks_instance *open_once(struct pos_rocks *rocks, char **text)
{
    if (!rocks->follower || rocks->scratch[0] != '\0')
        return open_in(rocks, rocks->scratch, text);
    char brief[POS_ROCKS_BRIEF_SIZE];
    if (!pos_rocks_make_brief(brief)) {
        *text = strdup("IO error: no folder can be made in /tmp");
        return NULL;
    }
    struct pos_rocks_instance *made = open_in(rocks, brief, text);
    pos_rocks_remove_brief(brief);
    return made;
}

static bool same_manifest(const struct pos_rocks_age *a, const struct pos_rocks_age *b)
{
    return a->manifest == b->manifest && a->manifest_size == b->manifest_size;
}

/* Opening reads the manifest first and the logs behind it: a log that goes meanwhile is in neither,
 * and one that is listed and gone makes RocksDB pass over all. What a writer does this to each time
 * is unsure. */
static struct pos_rocks_instance *open_follower(struct pos_rocks *rocks, char **text)
{
    struct pos_rocks_instance *made = NULL;
    for (int i = 0; i < OPEN_COUNT_MAX && (made == NULL || made->unsure); i++) {
        struct pos_rocks_age before, after;
        pos_rocks_close_instance(rocks, made);
        if (*text != NULL)
            rocksdb_free(*text);
        *text = NULL;
        bool looked = pos_rocks_newest(rocks->path, &before) == POS_OK;
        made = open_once(rocks, text);
        if (made == NULL)
            continue;
        looked = looked && pos_rocks_newest(rocks->path, &after) == POS_OK;
        made->unsure = !looked || !same_manifest(&before, &after) || before.log != after.log ||
                       before.log_count != after.log_count;
        made->age = before;
    }
    return made;
}

struct pos_rocks_instance *pos_rocks_open_instance(struct pos_rocks *rocks, char **text)
{
    return rocks->follower ? open_follower(rocks, text) : open_once(rocks, text);
}

/* Opens the database anew and closes what was open. The caller has rocks->renewing. Without room
 * for the log that RocksDB begins, opening would end the process. An unsure one is better than the
 * one before, and the caller is told. */
static enum pos_status renew(struct pos_rocks *rocks)
{
    const struct pos_rocks_options where = {.path = rocks->path,
                                            .follower = true,
                                            .scratch =
                                                rocks->scratch[0] == '\0' ? NULL : rocks->scratch};
    char *text = NULL;
    enum pos_status room = pos_rocks_check_room(&where, NULL);
    if (room != POS_OK)
        return room;
    struct pos_rocks_instance *newer = pos_rocks_open_instance(rocks, &text);
    if (newer == NULL)
        return text == NULL ? POS_ERR_MEMORY : pos_rocks_status("follow", text);
    (void)pthread_mutex_lock(&rocks->lock);
    struct pos_rocks_instance *older = rocks->now;
    rocks->now = newer;
    while (older->reader_count > 0)
        (void)pthread_cond_wait(&rocks->unread, &rocks->lock);
    (void)pthread_mutex_unlock(&rocks->lock);
    pos_rocks_close_instance(rocks, older);
    return newer->unsure ? POS_ERR_BUSY : POS_OK;
}

/* Reads the writer's logs on. False: it failed, or may have missed one. */
static bool read_on(struct pos_rocks *rocks, struct pos_rocks_instance *instance)
{
    struct pos_rocks_age before, after;
    char *text = NULL;
    if (instance->unsure)
        return false;
    instance->unsure = true;
    if (pos_rocks_newest(rocks->path, &before) != POS_OK)
        return false;
    rocksdb_try_catch_up_with_primary(instance->db, &text);
    if (pos_rocks_status("catch-up", text) != POS_OK ||
        pos_rocks_newest(rocks->path, &after) != POS_OK)
        return false;
    instance->unsure = after.log != instance->age.log && !same_manifest(&after, &instance->age);
    instance->age = before;
    return !instance->unsure;
}

enum pos_status pos_rocks_catch_up(struct pos_rocks *rocks)
{
    if (!rocks->follower)
        return POS_ERR_NOT_ALLOWED;
    (void)pthread_mutex_lock(&rocks->renewing);
    enum pos_status status = read_on(rocks, rocks->now) ? POS_OK : renew(rocks);
    (void)pthread_mutex_unlock(&rocks->renewing);
    return status;
}

enum pos_status pos_rocks_let_go(struct pos_rocks *rocks)
{
    if (!rocks->follower)
        return POS_ERR_NOT_ALLOWED;
    (void)pthread_mutex_lock(&rocks->renewing);
    enum pos_status status = renew(rocks);
    (void)pthread_mutex_unlock(&rocks->renewing);
    return status;
}
