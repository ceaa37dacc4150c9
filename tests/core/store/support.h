/* What the tests of the store share: a folder of their own, rows to write, an audit chain that is
 * easy to read. */
#ifndef TESTS_CORE_STORE_SUPPORT_H
#define TESTS_CORE_STORE_SUPPORT_H

#include "core/store/rows.h"

enum { TEST_PATH_SIZE = 128 };

/* A new folder below /tmp, removed with all in it when the process ends. */
void test_folder(char path[TEST_PATH_SIZE]);
/* Joins; the memory is the next call's too, after 8 calls. */
const char *test_path(const char *folder, const char *name);

struct pos_key test_key(enum pos_key_usage usage, enum pos_algorithm algorithm, uint8_t fill);
struct pos_kcv test_kcv(uint8_t fill);
struct pos_smn test_smn(const char *serial, uint32_t index);
struct pos_key_row test_key_row(uint32_t index, uint32_t batch);
struct pos_batch_row test_batch_row(uint32_t number);
struct pos_journal_row test_journal_row(uint32_t index, uint32_t batch);
struct pos_mother_row test_mother_row(const char *name);

/* A chain whose records are "<number of the record>:<event>", an event being a text. "fail" as an
 * event fails the append. */
struct test_chain {
    unsigned next, kept;
    char resumed[64]; /* what the chain was resumed from */
};
struct pos_audit_writer test_chain_writer(struct test_chain *chain);

/* Collects records, joined by spaces: for the walks over audit families. */
struct test_records {
    char text[512];
};
bool test_records_each(void *context, struct pos_bytes record);

#endif
