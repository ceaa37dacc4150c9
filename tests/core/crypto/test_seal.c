#include "core/crypto/seal.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/core/crypto/vectors.h"

/* Made with Python: hashlib.scrypt(b"correct horse", salt, n=1024, r=8, p=1) and AESGCM over
 * "the secret" with the 36 bytes in front and "what for" as associated data. */
static const char foreign[] =
    "50534C310A080100000102030405060708090A0B0C0D0E0F202122232425262728292A2B11DEC636"
    "5EA9BE709FA766814FFED36603E1030DF47BCFE92BCB";

static struct pos_buffer sealed(uint8_t *memory, size_t capacity)
{
    struct pos_buffer out = pos_buffer(memory, capacity);
    cr_assert(pos_seal(pos_bytes_text("correct horse"), pos_bytes_text("what for"),
                       pos_bytes_text("the secret"), &out) == POS_OK);
    return out;
}

Test(seal, opens_with_its_passphrase_and_context_only)
{
    uint8_t memory[128], secret[128];
    struct pos_buffer out = sealed(memory, sizeof memory);
    cr_expect(out.size == 10 + POS_SEAL_OVERHEAD);
    static const struct {
        const char *passphrase, *context;
        enum pos_status status;
    } rows[] = {
        {"correct horse", "what for", POS_OK}, {"correct horsf", "what for", POS_ERR_MAC},
        {"", "what for", POS_ERR_MAC},         {"correct horse", "what fo", POS_ERR_MAC},
        {"correct horse", "", POS_ERR_MAC},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t size = 99;
        enum pos_status status =
            pos_unseal(pos_bytes_text(rows[i].passphrase), pos_bytes_text(rows[i].context),
                       pos_buffer_view(&out), secret, &size);
        cr_expect(status == rows[i].status, "row %zu: %s", i, pos_status_name(status));
        cr_expect(size == (status == POS_OK ? 10 : 0));
        if (status == POS_OK)
            cr_expect(memcmp(secret, "the secret", 10) == 0);
    }
}

static enum pos_status unseal_bytes(const uint8_t *data, size_t size, uint8_t *secret)
{
    size_t secret_size;
    return pos_unseal(pos_bytes_text("correct horse"), pos_bytes_text("what for"),
                      pos_bytes(data, size), secret, &secret_size);
}

Test(seal, opens_what_another_tool_sealed)
{
    struct vector form = vector_hex(foreign);
    uint8_t secret[VECTOR_SIZE_MAX];
    cr_expect(unseal_bytes(form.data, form.size, secret) == POS_OK);
    cr_expect(memcmp(secret, "the secret", 10) == 0);
}

/* On a cheap form: every bit of it, parameters included, is under the tag or refused before. */
Test(seal, is_refused_with_any_bit_changed_or_cut)
{
    struct vector form = vector_hex(foreign);
    uint8_t secret[VECTOR_SIZE_MAX];
    for (size_t bit = 0; bit < 8 * form.size; bit++) {
        form.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum pos_status status = unseal_bytes(form.data, form.size, secret);
        cr_expect(status == POS_ERR_MAC || status == POS_ERR_FORMAT, "bit %zu: %s", bit,
                  pos_status_name(status));
        form.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < form.size; size++)
        cr_expect(unseal_bytes(form.data, size, secret) != POS_OK, "cut to %zu", size);
}

Test(seal, does_not_take_parameters_that_would_take_all_memory_or_the_day)
{
    static const uint8_t rows[][4] = {{0, 8, 1, 0},  {19, 8, 1, 0},  {255, 8, 1, 0},
                                      {15, 0, 1, 0}, {15, 17, 1, 0}, {18, 16, 1, 0},
                                      {15, 8, 0, 0}, {15, 8, 5, 0},  {15, 8, 1, 1}};
    struct vector form = vector_hex(foreign);
    uint8_t secret[VECTOR_SIZE_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        memcpy(form.data + 4, rows[i], 4);
        cr_expect(unseal_bytes(form.data, form.size, secret) == POS_ERR_FORMAT, "row %zu", i);
    }
}

Test(seal, of_the_same_secret_differs_each_time)
{
    uint8_t one[128], other[128];
    struct pos_buffer first = sealed(one, sizeof one);
    (void)sealed(other, sizeof other);
    cr_expect(memcmp(one + 8, other + 8, 16) != 0, "salt");
    cr_expect(memcmp(one + 24, other + 24, 12) != 0, "nonce");
    cr_expect(memcmp(one + 36, other + 36, first.size - 36) != 0, "ciphertext and tag");
}

Test(seal, is_refused_for_nothing_for_too_much_and_without_room)
{
    static uint8_t big[POS_SEAL_SECRET_SIZE_MAX + 1], memory[sizeof big + POS_SEAL_OVERHEAD];
    struct pos_bytes word = pos_bytes_text("x");
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    cr_expect(pos_seal(word, word, pos_bytes(big, 0), &out) == POS_ERR_LENGTH);
    cr_expect(pos_seal(word, word, pos_bytes(big, sizeof big), &out) == POS_ERR_LENGTH);
    cr_expect(pos_seal(word, word, pos_bytes(big, sizeof big - 1), &out) == POS_OK);
    struct pos_buffer small = pos_buffer(memory, POS_SEAL_OVERHEAD);
    cr_expect(pos_seal(word, word, word, &small) == POS_ERR_LENGTH);
}
