/*
 * CMAC (NIST SP 800-38B, RFC 4493) over any of the ciphers. A message collects in a small buffer
 * and goes through the cipher in as few calls as that allows: one for the messages that terminals
 * send, because the calls cost more than the blocks.
 */
#include "core/crypto/mac.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/cipher.h"

enum { PENDING_SIZE = 256 };

struct pos_mac {
    struct pos_cipher cipher;
    uint8_t whole_subkey[POS_CIPHER_BLOCK_SIZE_MAX];  /* K1: the last block is a whole one */
    uint8_t padded_subkey[POS_CIPHER_BLOCK_SIZE_MAX]; /* K2 */
    bool started;
    bool fresh; /* no block of this message went through the cipher yet */
    size_t pending_size;
    uint8_t pending[PENDING_SIZE];
};

static const uint8_t zero_block[POS_CIPHER_BLOCK_SIZE_MAX];

/* SP 800-38B clause 6.1: shift left by one bit, and XOR R where a bit fell out. */
static void double_block(const uint8_t *in, size_t size, uint8_t *out)
{
    assert(size == 8 || size == 16);
    uint8_t carry = in[0] >> 7;
    for (size_t i = 0; i + 1 < size; i++)
        out[i] = (uint8_t)(in[i] << 1 | in[i + 1] >> 7);
    uint8_t reduction = size == 16 ? 0x87 : 0x1B;
    out[size - 1] = (uint8_t)((in[size - 1] << 1) ^ (reduction & -carry));
}

static enum pos_status make_subkeys(struct pos_mac *context)
{
    uint8_t block[POS_CIPHER_BLOCK_SIZE_MAX] = {0};
    size_t size = context->cipher.block_size;
    enum pos_status status = pos_cipher_cbc(&context->cipher, zero_block, block, size);
    if (status == POS_OK) {
        double_block(block, size, context->whole_subkey);
        double_block(context->whole_subkey, size, context->padded_subkey);
    }
    pos_secret_wipe(block, sizeof block);
    return status;
}

enum pos_status pos_mac_rekey(struct pos_mac *context, enum pos_mac_algorithm mac,
                              enum pos_algorithm algorithm, const uint8_t *key)
{
    if (mac != POS_MAC_CMAC)
        return POS_ERR_USAGE;
    context->started = false;
    enum pos_status status = pos_cipher_init(&context->cipher, algorithm, POS_CIPHER_ENCRYPT, key);
    return status == POS_OK ? make_subkeys(context) : status;
}

enum pos_status pos_mac_create(enum pos_mac_algorithm mac, enum pos_algorithm algorithm,
                               const uint8_t *key, struct pos_mac **context)
{
    *context = NULL;
    if (mac != POS_MAC_CMAC || algorithm == POS_ALGORITHM_NONE)
        return POS_ERR_USAGE;
    struct pos_mac *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    enum pos_status status = pos_mac_rekey(made, mac, algorithm, key);
    if (status == POS_OK)
        *context = made;
    else
        pos_mac_destroy(made);
    return status;
}

void pos_mac_destroy(struct pos_mac *context)
{
    if (context == NULL)
        return;
    pos_cipher_fini(&context->cipher);
    pos_secret_wipe(context, sizeof *context);
    free(context);
}

size_t pos_mac_size(const struct pos_mac *context)
{
    return context->cipher.block_size;
}

enum pos_status pos_mac_start(struct pos_mac *context)
{
    context->started = true;
    context->fresh = true;
    context->pending_size = 0;
    return POS_OK;
}

static enum pos_status encrypt_pending(struct pos_mac *context)
{
    const uint8_t *iv = context->fresh ? zero_block : context->cipher.chain;
    context->fresh = false;
    size_t size = context->pending_size;
    context->pending_size = 0;
    return pos_cipher_cbc(&context->cipher, iv, context->pending, size);
}

/* What is pending goes on only when more follows: the last block is treated in another way. */
enum pos_status pos_mac_add(struct pos_mac *context, struct pos_bytes piece)
{
    assert(context->started);
    while (piece.size > 0) {
        if (context->pending_size == PENDING_SIZE) {
            enum pos_status status = encrypt_pending(context);
            if (status != POS_OK)
                return status;
        }
        size_t room = PENDING_SIZE - context->pending_size;
        size_t size = piece.size < room ? piece.size : room;
        memcpy(context->pending + context->pending_size, piece.data, size);
        context->pending_size += size;
        piece = pos_bytes(piece.data + size, piece.size - size);
    }
    return POS_OK;
}

/* Clause 6.2: pads the last block where it is not whole, and XORs the subkey that says which. */
static void close_last_block(struct pos_mac *context)
{
    size_t block_size = context->cipher.block_size;
    const uint8_t *subkey = context->whole_subkey;
    if (context->pending_size == 0 || context->pending_size % block_size != 0) {
        subkey = context->padded_subkey;
        context->pending[context->pending_size++] = 0x80;
        while (context->pending_size % block_size != 0)
            context->pending[context->pending_size++] = 0;
    }
    uint8_t *last = context->pending + context->pending_size - block_size;
    for (size_t i = 0; i < block_size; i++)
        last[i] ^= subkey[i];
}

enum pos_status pos_mac_finish(struct pos_mac *context, uint8_t *out)
{
    assert(context->started);
    context->started = false;
    close_last_block(context);
    size_t size = context->pending_size;
    enum pos_status status = encrypt_pending(context);
    if (status == POS_OK)
        memcpy(out, context->cipher.chain, context->cipher.block_size);
    pos_secret_wipe(context->pending, size);
    return status;
}

enum pos_status pos_mac_compute(struct pos_mac *context, struct pos_bytes message, uint8_t *out)
{
    enum pos_status status = pos_mac_start(context);
    if (status == POS_OK)
        status = pos_mac_add(context, message);
    return status == POS_OK ? pos_mac_finish(context, out) : status;
}
