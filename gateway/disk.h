/*
 * Room on the terminal table's disk.
 *
 * Below the low-water mark nothing is written that a terminal asks for, long before the disk is
 * full: a write that fails turns all writes off until a restart, and a database on a full disk
 * cannot even be opened again. For a disk that others filled there is the ballast: a file in the
 * table's folder that only takes up room, given up when a start finds none, so that the database
 * can be opened and what it holds be served.
 *
 * Checked now and then by one thread (the clerk's); asked from any, at the cost of one load.
 */
#ifndef POS_GATEWAY_DISK_H
#define POS_GATEWAY_DISK_H

#include <stdatomic.h>

#include "core/base/counter.h"
#include "core/base/error.h"
#include "core/base/limits.h"

struct pos_disk_options {
    const char *folder;    /* of the terminal table; exists */
    uint64_t ballast_size; /* bytes; 0: none */
    uint64_t low_water;    /* bytes free; 0: no mark */
};

struct pos_disk {
    char folder[POS_PATH_SIZE_MAX];
    char ballast_path[POS_PATH_SIZE_MAX + 16];
    uint64_t ballast_size, low_water;
    atomic_bool low;
    struct pos_counter free_size;    /* bytes, as of the last check */
    struct pos_counter ballast_held; /* bytes; 0 while there is no ballast */
    /* of whoever checks: what was made and said already */
    bool ballast_made, blind, ballast_missed;
};

void pos_disk_init(struct pos_disk *disk, const struct pos_disk_options *options);

/* Looks how much is free, and makes the ballast when there is none and room for it. Logs what has
 * changed since the last check. One thread at a time. */
void pos_disk_check(struct pos_disk *disk);

/* Too little is free to write for terminals. Any thread. */
static inline bool pos_disk_low(const struct pos_disk *disk)
{
    return atomic_load_explicit(&disk->low, memory_order_relaxed);
}

/* For a start that failed: gives up the ballast when the disk has so little room that it may help.
 * True: try again. */
bool pos_disk_drop_ballast(struct pos_disk *disk);

#endif
