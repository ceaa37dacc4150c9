#include "tests/core/store/support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char made[16][TEST_PATH_SIZE];
static size_t made_count;
static pid_t made_by;

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *where)
{
    (void)facts, (void)type, (void)where;
    return remove(path);
}

static void remove_folders(void)
{
    for (size_t i = 0; getpid() == made_by && i < made_count; i++)
        (void)nftw(made[i], remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void test_folder(char path[TEST_PATH_SIZE])
{
    (void)snprintf(path, TEST_PATH_SIZE, "/tmp/posgate-store-XXXXXX");
    if (made_count == sizeof made / sizeof made[0] || mkdtemp(path) == NULL)
        abort();
    if (made_count == 0) {
        made_by = getpid();
        (void)atexit(remove_folders);
    }
    memcpy(made[made_count++], path, TEST_PATH_SIZE);
}

const char *test_path(const char *folder, const char *name)
{
    static char paths[8][2 * TEST_PATH_SIZE];
    static size_t next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

struct pos_key test_key(enum pos_key_usage usage, enum pos_algorithm algorithm, uint8_t fill)
{
    struct pos_key key = {.usage = usage, .algorithm = algorithm, .size = POS_KEY_VALUE_SIZE_MAX};
    memset(key.data, fill, key.size);
    return key;
}

struct pos_kcv test_kcv(uint8_t fill)
{
    struct pos_kcv kcv = {.method = POS_KCV_CMAC, .size = POS_KCV_SIZE_MAX};
    memset(kcv.data, fill, kcv.size);
    return kcv;
}

struct pos_smn test_smn(const char *serial, uint32_t index)
{
    struct pos_smn smn;
    if (pos_smn_form(pos_bytes_text(serial), index, &smn, NULL) != POS_OK)
        abort();
    return smn;
}

struct pos_key_row test_key_row(uint32_t index, uint32_t batch)
{
    uint8_t fill = (uint8_t)index;
    return (struct pos_key_row){
        .index = index,
        .state = POS_KEY_GENERATED,
        .algorithm = POS_ALGORITHM_A256,
        .tmk = test_key(POS_USAGE_TMK, POS_ALGORITHM_A256, fill),
        .tpk = test_key(POS_USAGE_TPK, POS_ALGORITHM_A256, (uint8_t)(fill + 1)),
        .tak = test_key(POS_USAGE_TAK, POS_ALGORITHM_A256, (uint8_t)(fill + 2)),
        .tmk_kcv = test_kcv(fill),
        .tpk_kcv = test_kcv((uint8_t)(fill + 1)),
        .tak_kcv = test_kcv((uint8_t)(fill + 2)),
        .batch = batch,
        .generated_ms = 1000 + index,
        .changed_ms = 1000 + index,
    };
}

struct pos_batch_row test_batch_row(uint32_t number)
{
    return (struct pos_batch_row){.number = number,
                                  .state = POS_BATCH_GENERATED,
                                  .algorithm = POS_ALGORITHM_A256,
                                  .created_ms = 900};
}

struct pos_journal_row test_journal_row(uint32_t index, uint32_t batch)
{
    return (struct pos_journal_row){
        .index = index,
        .state = POS_JOURNAL_FREE,
        .algorithm = POS_ALGORITHM_A256,
        .tmk = test_key(POS_USAGE_TMK, POS_ALGORITHM_A256, (uint8_t)index),
        .kcv = test_kcv((uint8_t)index),
        .batch = batch,
        .changed_ms = 500,
    };
}

struct pos_mother_row test_mother_row(const char *name)
{
    struct pos_mother_row row = {.ktk = test_key(POS_USAGE_KTK, POS_ALGORITHM_A256, 9),
                                 .ktk_kcv = test_kcv(9),
                                 .created_ms = 77};
    (void)snprintf(row.name, sizeof row.name, "%s", name);
    return row;
}

static enum pos_status chain_append(void *context, const void *event, struct pos_buffer *record)
{
    struct test_chain *chain = context;
    const char *text = event;
    if (strcmp(text, "fail") == 0)
        return POS_ERR_CRYPTO;
    pos_buffer_format(record, "%u:%s", ++chain->next, text);
    return POS_OK;
}

static enum pos_status chain_resume(void *context, struct pos_bytes last)
{
    struct test_chain *chain = context;
    (void)snprintf(chain->resumed, sizeof chain->resumed, "%.*s", (int)last.size,
                   last.size == 0 ? "" : (const char *)last.data);
    chain->next = chain->kept = (unsigned)strtoul(chain->resumed, NULL, 10);
    return POS_OK;
}

static void chain_keep(void *context)
{
    struct test_chain *chain = context;
    chain->kept = chain->next;
}

static void chain_forget(void *context)
{
    struct test_chain *chain = context;
    chain->next = chain->kept;
}

struct pos_audit_writer test_chain_writer(struct test_chain *chain)
{
    return (struct pos_audit_writer){.append = chain_append,
                                     .resume = chain_resume,
                                     .keep = chain_keep,
                                     .forget = chain_forget,
                                     .context = chain};
}

bool test_records_each(void *context, struct pos_bytes record)
{
    struct test_records *records = context;
    size_t used = strlen(records->text);
    (void)snprintf(records->text + used, sizeof records->text - used, "%s%.*s",
                   used == 0 ? "" : " ", (int)record.size, (const char *)record.data);
    return true;
}
