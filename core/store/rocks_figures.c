/* What RocksDB says of itself: sizes, and what a thread read. */
#include "core/store/rocks_inside.h"

enum { COUNT_OFF = 1, COUNT_ON = 2 }; /* PerfLevel: kDisable, kEnableCount */

static uint64_t property_of(struct pos_rocks *rocks, size_t family, const char *name)
{
    uint64_t value = 0;
    struct pos_rocks_instance *now = pos_rocks_enter(rocks);
    (void)rocksdb_property_int_cf(now->db, now->families[family], name, &value);
    pos_rocks_leave(rocks, now);
    return value;
}

uint64_t pos_rocks_tables_size(struct pos_rocks *rocks, size_t family)
{
    return property_of(rocks, family, "rocksdb.live-sst-files-size");
}

uint64_t pos_rocks_filters_size(struct pos_rocks *rocks, size_t family)
{
    return property_of(rocks, family, "rocksdb.estimate-table-readers-mem");
}

void pos_rocks_count_reads(bool on)
{
    rocksdb_set_perf_level(on ? COUNT_ON : COUNT_OFF);
    rocksdb_perfcontext_t *context = rocksdb_perfcontext_create();
    rocksdb_perfcontext_reset(context);
    rocksdb_perfcontext_destroy(context);
}

struct pos_rocks_reads pos_rocks_reads(void)
{
    rocksdb_perfcontext_t *context = rocksdb_perfcontext_create(); /* a view of the thread's own */
    struct pos_rocks_reads reads = {
        .blocks = rocksdb_perfcontext_metric(context, rocksdb_block_read_count),
        .bytes = rocksdb_perfcontext_metric(context, rocksdb_block_read_byte),
    };
    rocksdb_perfcontext_destroy(context);
    return reads;
}
