/*
 * Writing a key file when the security module or the disk fails, at each call in turn: the failure
 * is told, and no file is left. The linker puts the functions below in the place of the real ones
 * (--wrap), so the MAC here is nothing but zeros.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keymgmt/key_file_sink.h"

static int fail_at, calls;

static enum pos_status result(void)
{
    return ++calls == fail_at ? POS_ERR_HSM : POS_OK;
}

enum pos_status __wrap_pos_hsm_file_mac_start(struct pos_hsm_session *session,
                                              const struct pos_key *ktk);
enum pos_status __wrap_pos_hsm_file_mac_add(struct pos_hsm_session *session,
                                            struct pos_bytes piece);
enum pos_status __wrap_pos_hsm_file_mac_finish(struct pos_hsm_session *session, uint8_t mac[16]);

enum pos_status __wrap_pos_hsm_file_mac_start(struct pos_hsm_session *session,
                                              const struct pos_key *ktk)
{
    (void)session;
    (void)ktk;
    return result();
}

enum pos_status __wrap_pos_hsm_file_mac_add(struct pos_hsm_session *session, struct pos_bytes piece)
{
    (void)session;
    (void)piece;
    return result();
}

enum pos_status __wrap_pos_hsm_file_mac_finish(struct pos_hsm_session *session, uint8_t mac[16])
{
    (void)session;
    memset(mac, 0, 16);
    return result();
}

enum pos_status __real_pos_part_file_put(struct pos_part_file *part, struct pos_bytes bytes,
                                         struct pos_error *error);
enum pos_status __wrap_pos_part_file_put(struct pos_part_file *part, struct pos_bytes bytes,
                                         struct pos_error *error);
enum pos_status __wrap_pos_part_file_put(struct pos_part_file *part, struct pos_bytes bytes,
                                         struct pos_error *error)
{
    if (result() != POS_OK)
        return pos_error_set(error, POS_ERR_HSM, "no room");
    return __real_pos_part_file_put(part, bytes, error);
}

static char folder[] = "/tmp/posgate-sink-XXXXXX";
static char path[64];
static char block[] = "D0016K1AB00E0000";

static const struct pos_key_file_header header = {.batch = 7,
                                                  .created_utc_ms = 1795424400000,
                                                  .algorithm = POS_ALGORITHM_A256,
                                                  .ktk = "MPOS0001",
                                                  .ktk_kcv = {POS_KCV_CMAC, 5, {1, 2, 3, 4, 5}},
                                                  .destination = "MPOS0001",
                                                  .count = 1,
                                                  .first = 278,
                                                  .last = 278};
static const struct pos_kcv kcv = {POS_KCV_CMAC, 5, {1, 2, 3, 4, 5}};

static void start(void)
{
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/file", folder);
}

static void stop(void)
{
    (void)unlink(path);
    cr_expect_eq(rmdir(folder), 0, "nothing else is left");
}

TestSuite(key_file_sink, .init = start, .fini = stop);

static enum pos_status write_file(struct pos_bytes key_block)
{
    struct pos_key_file_sink sink;
    struct pos_error error = {.text = ""};
    const struct pos_key_file_key key = {.index = 278, .block = key_block, .kcv = kcv};
    enum pos_status status = pos_key_file_sink_open(&sink, path, NULL, NULL, &header, &error);
    if (status != POS_OK) {
        cr_expect_neq(error.text[0], '\0');
        return status;
    }
    status = pos_key_file_sink_add(&sink, &key, &error);
    if (status == POS_OK)
        status = pos_key_file_sink_finish(&sink, &error);
    cr_expect_eq(error.text[0] == '\0', status == POS_OK, "a failure is explained");
    pos_key_file_sink_close(&sink, status != POS_OK);
    return status;
}

Test(key_file_sink, a_file_is_written_whole_or_leaves_nothing)
{
    int at = 0;
    enum pos_status status;
    do {
        fail_at = ++at;
        calls = 0;
        status = write_file(pos_bytes_text(block));
        cr_expect_eq(status, calls >= at ? POS_ERR_HSM : POS_OK, "call %d", at);
        cr_expect_eq(access(path, F_OK) == 0, status == POS_OK, "call %d", at);
    } while (calls >= at && at < 10);
    cr_expect_eq(at - 1, 7, "start; header and key, each into MAC and file; end, trailer");
}

Test(key_file_sink, a_line_that_is_too_long_is_refused)
{
    static char large[POS_KEY_FILE_LINE_SIZE_MAX];
    memset(large, 'A', sizeof large);
    cr_expect_eq(write_file(pos_bytes(large, sizeof large)), POS_ERR_LENGTH);
    cr_expect_neq(access(path, F_OK), 0);
}
