/*
 * The clerk with a real key library and table: it answers everybody, in order, finds what keymgmt
 * wrote since, and refuses what its queue cannot hold. Plain main(), because threads meet here.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "gateway/clerk.h"
#include "tests/gateway/plain.h"

enum { PATIENCE_MS = 30000 };

static struct pos_key_library *writer, *follower;
static struct pos_terminal_table *table;
static sem_t gate, finished;

/* ---- what the linker puts in front of the real ones (--wrap) ---- */

static atomic_uint disk_checks, catch_ups;
static atomic_bool catch_up_fails;
static atomic_uint changes_left; /* of a terminal, each between two reads of it */
static struct pos_terminal_write changed;

void __real_pos_disk_check(struct pos_disk *disk);
void __wrap_pos_disk_check(struct pos_disk *disk);
void __wrap_pos_disk_check(struct pos_disk *disk)
{
    (void)atomic_fetch_add(&disk_checks, 1);
    __real_pos_disk_check(disk);
}

enum pos_status __real_pos_key_library_catch_up(struct pos_key_library *library);
enum pos_status __wrap_pos_key_library_catch_up(struct pos_key_library *library);
enum pos_status __wrap_pos_key_library_catch_up(struct pos_key_library *library)
{
    (void)atomic_fetch_add(&catch_ups, 1);
    return atomic_load(&catch_up_fails) ? POS_ERR_DATABASE
                                        : __real_pos_key_library_catch_up(library);
}

static void change_once(void);

enum pos_status __real_pos_terminal_table_find_detail(struct pos_terminal_table *terminals,
                                                      const struct pos_smn *smn,
                                                      struct pos_terminal_detail *detail);
enum pos_status __wrap_pos_terminal_table_find_detail(struct pos_terminal_table *terminals,
                                                      const struct pos_smn *smn,
                                                      struct pos_terminal_detail *detail);
enum pos_status __wrap_pos_terminal_table_find_detail(struct pos_terminal_table *terminals,
                                                      const struct pos_smn *smn,
                                                      struct pos_terminal_detail *detail)
{
    if (atomic_load(&changes_left) > 0) {
        (void)atomic_fetch_sub(&changes_left, 1);
        change_once();
    }
    return __real_pos_terminal_table_find_detail(terminals, smn, detail);
}

static void add_key(uint32_t index)
{
    struct pos_key_row row = {.index = index,
                              .state = POS_KEY_GENERATED,
                              .algorithm = POS_ALGORITHM_A256,
                              .batch = index,
                              .generated_ms = 1};
    struct pos_key *const keys[] = {&row.tmk, &row.tpk, &row.tak};
    struct pos_kcv *const kcvs[] = {&row.tmk_kcv, &row.tpk_kcv, &row.tak_kcv};
    for (size_t i = 0; i < 3; i++) {
        *keys[i] = (struct pos_key){.usage = (enum pos_key_usage)(POS_USAGE_TMK + i),
                                    .algorithm = POS_ALGORITHM_A256,
                                    .size = 64,
                                    .data = {(uint8_t)index, (uint8_t)i}};
        *kcvs[i] = (struct pos_kcv){.method = POS_KCV_CMAC, .size = 5, .data = {1, 2, 3}};
    }
    const struct pos_batch_row batch = {.number = index,
                                        .state = POS_BATCH_GENERATED,
                                        .algorithm = POS_ALGORITHM_A256,
                                        .first = index,
                                        .count = 1,
                                        .created_ms = 1};
    must(pos_key_library_add(writer, &row, 1, &batch, "added"), "add a key");
}

static void open_all(const char *folder)
{
    char path[4][96];
    struct pos_error error;
    static const char *const names[] = {"keys", "follow", "table", "none"};
    for (size_t i = 0; i < 4; i++)
        (void)snprintf(path[i], sizeof path[i], "%s/%s", folder, names[i]);
    const struct pos_key_library_options library = {
        .path = path[0], .create = true, .audit = plain_audit};
    const struct pos_terminal_table_options options = {
        .path = path[2], .create_if_missing = true, .cache_size = 8u << 20, .audit = plain_audit};
    must(pos_key_library_open(&library, &writer, &error), "open the key library");
    add_key(1);
    must(pos_key_library_follow(path[0], path[1], &follower, &error), "follow it");
    must(pos_terminal_table_open(&options, &table, &error), "open the table");
}

static void signal_done(struct pos_clerk_job *job)
{
    (void)job;
    (void)sem_post(&finished);
}

static void wait_at_gate(struct pos_clerk_job *job)
{
    (void)job;
    (void)sem_wait(&gate);
    (void)sem_post(&finished);
}

static enum pos_status look_up(struct pos_clerk *clerk, uint32_t index)
{
    static struct pos_dossier dossier;
    struct pos_clerk_job job = {
        .work = POS_CLERK_DOSSIER, .done = signal_done, .with_key = true, .dossier = &dossier};
    must(pos_smn_form(pos_bytes_text("123L013K"), index, &job.smn, NULL), "form an SMN");
    must(pos_clerk_submit(clerk, &job), "submit");
    (void)sem_wait(&finished);
    return dossier.status;
}

static void finds_what_is_there_and_what_came_since(struct pos_clerk *clerk)
{
    expect(look_up(clerk, 1) == POS_OK, "an index that was there is found");
    expect(look_up(clerk, 2) == POS_ERR_NOT_FOUND, "one that was not is not");
    add_key(2);
    (void)usleep(300000); /* may be more than the time between two catch-ups after a miss */
    expect(look_up(clerk, 2) == POS_OK, "one that came since is found after a miss");
    add_key(3);
    expect(look_up(clerk, 3) == POS_OK, "one that came right behind another's miss too");
}

/* Without a miss, without waiting, and with the old files let go of; look-ups go on. */
static void catches_up_when_asked(struct pos_clerk *clerk)
{
    const uint32_t index = 2;
    static struct pos_dossier dossier;
    struct pos_clerk_job job = {.work = POS_CLERK_CATCH_UP, .done = signal_done};
    must(pos_key_library_destroy(writer, &index, 1, 2, "destroyed"), "destroy a key");
    must(pos_key_library_scrub(writer), "scrub the library");
    must(pos_clerk_submit(clerk, &job), "submit");
    (void)sem_wait(&finished);
    expect(job.status == POS_OK, "it says that it has caught up");
    job = (struct pos_clerk_job){
        .work = POS_CLERK_DOSSIER, .done = signal_done, .with_key = true, .dossier = &dossier};
    must(pos_smn_form(pos_bytes_text("123L013K"), index, &job.smn, NULL), "form an SMN");
    must(pos_clerk_submit(clerk, &job), "submit");
    (void)sem_wait(&finished);
    expect(dossier.status == POS_OK && dossier.row.state == POS_KEY_DESTROYED,
           "and has read what the writer did last");
    expect(look_up(clerk, 1) == POS_OK, "what stayed is there");
}

static enum pos_status terminal_of(struct pos_clerk *clerk, const char *serial,
                                   struct pos_dossier *dossier)
{
    struct pos_clerk_job job = {
        .work = POS_CLERK_DOSSIER, .done = signal_done, .with_detail = true, .dossier = dossier};
    must(pos_smn_form(pos_bytes_text(serial), 1, &job.smn, NULL), "form an SMN");
    must(pos_clerk_submit(clerk, &job), "submit");
    (void)sem_wait(&finished);
    return dossier->status;
}

static struct pos_key some_key(enum pos_key_usage usage, uint8_t mark)
{
    return (struct pos_key){
        .usage = usage, .algorithm = POS_ALGORITHM_A256, .size = 64, .data = {mark}};
}

/* Signs on and promotes, again and again: pair after pair with the same mark in TAK and TPK. */
static void *change_pairs(void *context)
{
    struct pos_terminal_write write = *(const struct pos_terminal_write *)context;
    for (uint8_t mark = 1; mark <= 250; mark++) {
        write.operation = POS_TERMINAL_SIGN_ON;
        write.tak = some_key(POS_USAGE_TAK, mark);
        write.tpk = some_key(POS_USAGE_TPK, mark);
        must(pos_terminal_table_run(table, &write), "sign on");
        write.operation = POS_TERMINAL_PROMOTE;
        must(pos_terminal_table_run(table, &write), "promote");
    }
    return NULL;
}

static bool belong_together(const struct pos_dossier *dossier)
{
    for (size_t i = 0; i < 2; i++)
        if (dossier->hot.tak[i].size != dossier->detail.tpk[i].size ||
            (dossier->hot.tak[i].size > 0 &&
             dossier->hot.tak[i].data[0] != dossier->detail.tpk[i].data[0]))
            return false;
    return true;
}

static void reads_both_rows_of_a_terminal_together(struct pos_clerk *clerk)
{
    struct pos_terminal_write write = {
        .operation = POS_TERMINAL_REGISTER, .proved = true, .algorithm = POS_ALGORITHM_A256};
    struct pos_dossier dossier;
    pthread_t changer;
    unsigned torn = 0, wrong = 0;
    must(pos_smn_form(pos_bytes_text("123L013K"), 1, &write.smn, NULL), "form an SMN");
    expect(terminal_of(clerk, "123L013K", &dossier) == POS_OK &&
               dossier.hot.state == POS_TERMINAL_NONE,
           "no row is no fault");
    must(pos_terminal_table_run(table, &write), "register");
    must(pthread_create(&changer, NULL, change_pairs, &write) == 0 ? POS_OK : POS_ERR_LIMIT,
         "a thread");
    do {
        enum pos_status status = terminal_of(clerk, "123L013K", &dossier);
        wrong += status != POS_OK && status != POS_ERR_BUSY;
        torn += status == POS_OK && !belong_together(&dossier);
    } while (dossier.hot.tak[0].data[0] != 250);
    (void)pthread_join(changer, NULL);
    expect(torn == 0, "the pairs belong together");
    expect(wrong == 0, "and it is found, unless it changes too quickly");
}

static void change_once(void)
{
    changed.operation = POS_TERMINAL_SIGN_ON;
    changed.tak = some_key(POS_USAGE_TAK, ++changed.tak.data[0]);
    changed.tpk = some_key(POS_USAGE_TPK, changed.tak.data[0]);
    must(pos_terminal_table_run(table, &changed), "sign on");
    changed.operation = POS_TERMINAL_PROMOTE;
    must(pos_terminal_table_run(table, &changed), "promote");
}

static void reads_a_terminal_that_changes_again(struct pos_clerk *clerk)
{
    struct pos_dossier dossier;
    must(pos_smn_form(pos_bytes_text("123L013K"), 1, &changed.smn, NULL), "form an SMN");
    changed.algorithm = POS_ALGORITHM_A256;
    atomic_store(&changes_left, 7);
    expect(terminal_of(clerk, "123L013K", &dossier) == POS_OK && belong_together(&dossier),
           "it reads eight times");
    expect(dossier.hot.tak[0].data[0] == 7, "until nothing comes between");
    atomic_store(&changes_left, 8);
    expect(terminal_of(clerk, "123L013K", &dossier) == POS_ERR_BUSY, "and gives up then");
    expect(atomic_load(&changes_left) == 0, "having read so often");
}

static enum pos_status find_link(struct pos_clerk *clerk, enum pos_key_usage usage,
                                 struct pos_link_row *row)
{
    *row = (struct pos_link_row){.name = "HOST1", .key = {.usage = usage}};
    struct pos_clerk_job job = {.work = POS_CLERK_LINK, .done = signal_done, .link = row};
    must(pos_clerk_submit(clerk, &job), "submit");
    (void)sem_wait(&finished);
    return job.status;
}

static void finds_the_keys_of_host_links(struct pos_clerk *clerk)
{
    struct pos_link_row row = {.name = "HOST1",
                               .key = some_key(POS_USAGE_ZPK, 9),
                               .kcv = {.method = POS_KCV_CMAC, .size = 5},
                               .created_ms = 1};
    must(pos_key_library_add_link(writer, &row, "link"), "add a link's key");
    enum pos_status status = POS_ERR_NOT_FOUND;
    for (int i = 0; i < PATIENCE_MS / 10 && status == POS_ERR_NOT_FOUND; i++) {
        (void)usleep(10000); /* it follows by itself: nobody misses a key */
        status = find_link(clerk, POS_USAGE_ZPK, &row);
    }
    expect(status == POS_OK && row.key.data[0] == 9, "what there is");
    expect(find_link(clerk, POS_USAGE_ZAK, &row) == POS_ERR_NOT_FOUND, "and what there is not");
}

static void catches_up_seldom_for_strangers(struct pos_clerk *clerk)
{
    enum { COUNT = 500 };
    static struct pos_clerk_job jobs[COUNT];
    static struct pos_dossier dossiers[COUNT];
    struct pos_clerk_stats before, after;
    unsigned unknown = 0;
    pos_clerk_stats(clerk, &before);
    uint64_t begun_ns = pos_clock_monotonic_ns();
    for (uint32_t i = 0; i < COUNT; i++) {
        jobs[i] = (struct pos_clerk_job){.work = POS_CLERK_DOSSIER,
                                         .with_key = true,
                                         .done = signal_done,
                                         .dossier = &dossiers[i]};
        must(pos_smn_form(pos_bytes_text("123L013K"), 1000 + i, &jobs[i].smn, NULL), "form an SMN");
        must(pos_clerk_submit(clerk, &jobs[i]), "submit");
    }
    for (uint32_t i = 0; i < COUNT; i++)
        (void)sem_wait(&finished);
    pos_clerk_stats(clerk, &after);
    uint64_t fifths = (pos_clock_monotonic_ns() - begun_ns) / 200000000; /* of a second */
    for (uint32_t i = 0; i < COUNT; i++)
        unknown += dossiers[i].status == POS_ERR_NOT_FOUND;
    expect(unknown == COUNT, "everybody who asks is answered");
    expect(after.misses - before.misses == COUNT, "each miss is counted");
    expect(after.catch_ups - before.catch_ups <= 2 + fifths, "and few of them make it catch up");
}

/* It may have been exported by now. */
static void refuses_nobody_as_unknown_while_it_cannot_follow(struct pos_clerk *clerk)
{
    atomic_store(&catch_up_fails, true);
    expect(look_up(clerk, 500) == POS_ERR_DATABASE, "an index that may be there by now");
    expect(look_up(clerk, 1) == POS_ERR_DATABASE, "and a key that may be exported by now");
    atomic_store(&catch_up_fails, false);
    expect(look_up(clerk, 500) == POS_ERR_NOT_FOUND, "once it follows again it knows");
    expect(look_up(clerk, 1) == POS_OK, "what there is and what there is not");
}

static void refuses_beyond_its_queue(struct pos_clerk *clerk)
{
    enum { COUNT = POS_CLERK_QUEUE_COUNT_MAX + 100 };
    struct pos_clerk_job *jobs = calloc(COUNT + 1, sizeof *jobs);
    struct pos_dossier *dossiers = calloc(COUNT + 1, sizeof *dossiers);
    unsigned taken = 0, refused = 0;
    if (jobs == NULL || dossiers == NULL)
        must(POS_ERR_MEMORY, "memory");
    for (size_t i = 0; i <= COUNT; i++) {
        jobs[i] = (struct pos_clerk_job){.work = i == 0 ? POS_CLERK_RESERVE : POS_CLERK_DOSSIER,
                                         .count = 1,
                                         .with_key = true,
                                         .done = i == 0 ? wait_at_gate : signal_done,
                                         .dossier = &dossiers[i]};
        must(pos_smn_form(pos_bytes_text("123L013K"), 1, &jobs[i].smn, NULL), "form an SMN");
    }
    must(pos_clerk_submit(clerk, &jobs[0]), "submit the one that holds the gate");
    struct pos_clerk_stats stats;
    do
        pos_clerk_stats(clerk, &stats);
    while (stats.queue_length > 0);
    for (size_t i = 1; i <= COUNT; i++) {
        enum pos_status status = pos_clerk_submit(clerk, &jobs[i]);
        taken += status == POS_OK;
        refused += status == POS_ERR_BUSY;
    }
    expect(taken == POS_CLERK_QUEUE_COUNT_MAX, "the queue takes what it may hold");
    expect(refused == COUNT - POS_CLERK_QUEUE_COUNT_MAX, "and refuses the rest");
    (void)sem_post(&gate);
    for (unsigned i = 0; i < taken + 1; i++)
        (void)sem_wait(&finished);
    unsigned good = 0;
    for (size_t i = 1; i <= taken; i++)
        good += dossiers[i].status == POS_OK && dossiers[i].row.index == 1;
    expect(good == taken, "everybody who was taken is answered");
    free(jobs);
    free(dossiers);
}

static void reserves_numbers_that_only_grow(struct pos_clerk *clerk)
{
    uint64_t last = 0;
    bool grows = true;
    for (unsigned i = 0; i < 10; i++) {
        struct pos_clerk_job job = {.work = POS_CLERK_RESERVE, .done = signal_done, .count = 100};
        must(pos_clerk_submit(clerk, &job), "submit");
        (void)sem_wait(&finished);
        grows = grows && (i == 0 || job.first >= last + 100);
        last = job.first;
    }
    expect(grows, "no number is reserved twice");
}

static enum pos_status reserve(void *context, uint64_t count, uint64_t *first)
{
    (void)context;
    return pos_terminal_table_reserve(table, count, first);
}

int main(void)
{
    char folder[] = "/tmp/posgate-clerk-XXXXXX", command[64];
    struct pos_clerk *clerk;
    if (mkdtemp(folder) == NULL)
        return 1;
    (void)sem_init(&gate, 0, 0);
    (void)sem_init(&finished, 0, 0);
    open_all(folder);
    const struct pos_disk_options disk_options = {.folder = folder};
    struct pos_disk disk;
    struct pos_rrn_blocks rrns = {.save = reserve};
    pos_disk_init(&disk, &disk_options);
    must(pos_rrn_blocks_start(&rrns), "the first numbers");
    const struct pos_clerk_options options = {.library = follower,
                                              .table = table,
                                              .disk = &disk,
                                              .rrns = &rrns,
                                              .follow_interval_ms = 1000};
    must(pos_clerk_start(&options, &clerk), "start the clerk");
    finds_what_is_there_and_what_came_since(clerk);
    catches_up_when_asked(clerk);
    reads_both_rows_of_a_terminal_together(clerk);
    reads_a_terminal_that_changes_again(clerk);
    finds_the_keys_of_host_links(clerk);
    catches_up_seldom_for_strangers(clerk);
    refuses_nobody_as_unknown_while_it_cannot_follow(clerk);
    refuses_beyond_its_queue(clerk);
    reserves_numbers_that_only_grow(clerk);
    pos_clerk_stop(clerk);
    expect(atomic_load(&disk_checks) == atomic_load(&catch_ups),
           "it looks at the disk as often, whoever has made it catch up");
    pos_terminal_table_close(table);
    pos_key_library_close(follower);
    pos_key_library_close(writer);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    expect(system(command) == 0, "the folder is removed");
    return finish();
}
