#include <criterion/criterion.h>

#include "gateway/rrn_blocks.h"

/* What is on disk, and whether it can be written. */
static struct {
    uint64_t reserved;
    enum pos_status fails;
    unsigned saves;
} store;

static enum pos_status save(void *context, uint64_t count, uint64_t *first)
{
    (void)context;
    store.saves++;
    *first = store.reserved;
    if (store.fails == POS_OK)
        store.reserved += count;
    return store.fails;
}

static struct pos_rrn_blocks blocks;

static void start(void)
{
    blocks = (struct pos_rrn_blocks){.save = save};
    cr_assert_eq(pos_rrn_blocks_start(&blocks), POS_OK);
}

Test(rrn_blocks, go_up_without_a_gap_and_are_saved_before_they_are_given)
{
    start();
    for (uint64_t i = 0; i < 100; i++) {
        cr_expect_eq(pos_rrn_blocks_take(&blocks, 10000, true), i * 10000);
        cr_expect_geq(store.reserved, (i + 1) * 10000 + POS_RRN_AHEAD_COUNT / 2, "%u", (unsigned)i);
    }
    cr_expect_leq(store.saves, 25, "a write for many blocks: %u", store.saves);
    start();
    cr_expect_geq(pos_rrn_blocks_take(&blocks, 10000, true), 1000000, "a restart repeats none");
}

Test(rrn_blocks, a_start_that_cannot_save_fails)
{
    store.fails = POS_ERR_DATABASE;
    blocks = (struct pos_rrn_blocks){.save = save};
    cr_expect_eq(pos_rrn_blocks_start(&blocks), POS_ERR_DATABASE);
}

Test(rrn_blocks, go_on_when_they_cannot_be_saved_and_are_made_up_for_later)
{
    start();
    store.fails = POS_ERR_DATABASE;
    uint64_t next = 0;
    for (; next < 5 * POS_RRN_AHEAD_COUNT; next += 10000)
        cr_expect_eq(pos_rrn_blocks_take(&blocks, 10000, true), next);
    cr_expect_eq(store.reserved, POS_RRN_AHEAD_COUNT);
    store.fails = POS_OK;
    cr_expect_eq(pos_rrn_blocks_take(&blocks, 10000, true), next);
    cr_expect_geq(store.reserved, next + POS_RRN_AHEAD_COUNT, "those that were given too");
}

Test(rrn_blocks, a_disk_without_room_is_not_tried)
{
    start();
    for (uint64_t i = 0; i < 30; i++)
        cr_expect_eq(pos_rrn_blocks_take(&blocks, 10000, false), i * 10000);
    cr_expect_eq(store.saves, 1);
    cr_expect_eq(pos_rrn_blocks_take(&blocks, 10000, true), 300000);
    cr_expect_eq(store.saves, 2);
    cr_expect_geq(store.reserved, 310000);
}
