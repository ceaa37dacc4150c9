/*
 * The open database. A writer has one for as long as it runs. A follower gets a new one now and
 * then, because an open one holds on to every file that it has seen; reads that began with the old
 * one end with it.
 */
#include <stdlib.h>

#include "core/store/rocks_inside.h"

enum { OPEN_NEWER_COUNT_MAX = 5 };

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

struct pos_rocks_instance *pos_rocks_open_instance(struct pos_rocks *rocks, char **text)
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
        family_options[i] = pos_rocks_family_options(rocks, (size_t)i);
    }
    if (rocks->follower)
        made->db = rocksdb_open_as_secondary_column_families(rocks->options, rocks->path,
                                                             rocks->scratch, count, names,
                                                             family_options, made->families, text);
    else
        made->db = rocksdb_open_column_families(rocks->options, rocks->path, count, names,
                                                family_options, made->families, text);
    if (*text == NULL)
        return made;
    free(made);
    return NULL;
}

enum pos_status pos_rocks_catch_up(struct pos_rocks *rocks)
{
    char *text = NULL;
    struct pos_rocks_instance *now = pos_rocks_enter(rocks);
    rocksdb_try_catch_up_with_primary(now->db, &text);
    pos_rocks_leave(rocks, now);
    return pos_rocks_status("catch-up", text);
}

/* Opening races with the writer, which may delete a file between its being listed and opened. */
static struct pos_rocks_instance *open_newer(struct pos_rocks *rocks, char **text)
{
    for (int i = 0; i < OPEN_NEWER_COUNT_MAX; i++) {
        if (*text != NULL)
            rocksdb_free(*text);
        *text = NULL;
        struct pos_rocks_instance *made = pos_rocks_open_instance(rocks, text);
        if (made != NULL || *text == NULL)
            return made;
    }
    return NULL;
}

enum pos_status pos_rocks_let_go(struct pos_rocks *rocks)
{
    if (!rocks->follower)
        return POS_ERR_NOT_ALLOWED;
    char *text = NULL;
    (void)pthread_mutex_lock(&rocks->renewing);
    struct pos_rocks_instance *newer = open_newer(rocks, &text);
    if (newer == NULL) {
        (void)pthread_mutex_unlock(&rocks->renewing);
        return text == NULL ? POS_ERR_MEMORY : pos_rocks_status("let-go", text);
    }
    (void)pthread_mutex_lock(&rocks->lock);
    struct pos_rocks_instance *older = rocks->now;
    rocks->now = newer;
    while (older->reader_count > 0)
        (void)pthread_cond_wait(&rocks->unread, &rocks->lock);
    (void)pthread_mutex_unlock(&rocks->lock);
    pos_rocks_close_instance(rocks, older);
    (void)pthread_mutex_unlock(&rocks->renewing);
    return POS_OK;
}
