/*
 * CMAC (NIST SP 800-38B, RFC 4493) over any of the ciphers, and the two MACs that older terminals
 * make with DES: the retail MAC and UnionPay's ECB MAC.
 *
 * A message collects in a small buffer and goes through the cipher in as few calls as that allows:
 * one for the messages that terminals send, because the calls cost more than the blocks. The ECB
 * MAC needs no such buffer: it folds the message into one block and encrypts at the end.
 *
 * OpenSSL's default provider has no single DES. Triple DES with two equal halves is the same, so
 * the retail MAC (E with the left half over all blocks, then D with the right one and E with the
 * left one over the last) is: triple DES with the left half twice over all blocks but the last,
 * and triple DES with the whole key over the last.
 */
#include "core/crypto/mac.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/base/secret.h"
#include "core/crypto/cipher.h"
#include "core/crypto/cmac.h"

enum { PENDING_SIZE = 256, DES_BLOCK_SIZE = 8, DES_KEY_SIZE = 8 };

/* What there is of a message so far. Apart from the context: an event loop has thousands of those,
 * and a MAC takes as long as it takes to bring one into the processor's cache. */
struct message {
    bool fresh; /* no block of it went through the cipher yet */
    size_t pending_size;
    uint8_t pending[PENDING_SIZE];
};

struct pos_mac {
    enum pos_mac_algorithm mac;
    bool started;
    struct pos_cipher cipher;                         /* the whole key */
    uint8_t whole_subkey[POS_CIPHER_BLOCK_SIZE_MAX];  /* K1: the last block is a whole one */
    uint8_t padded_subkey[POS_CIPHER_BLOCK_SIZE_MAX]; /* K2 */
    struct pos_cipher single; /* the left half twice; keyed for the retail MAC alone */
    struct message *pieces;   /* of a message that comes in pieces; NULL until one did */
};

static const uint8_t zero_block[POS_CIPHER_BLOCK_SIZE_MAX];

static enum pos_status make_subkeys(struct pos_mac *context)
{
    uint8_t block[POS_CIPHER_BLOCK_SIZE_MAX] = {0};
    size_t size = context->cipher.block_size;
    enum pos_status status = pos_cipher_cbc(&context->cipher, zero_block, block, size);
    if (status == POS_OK) {
        pos_cmac_double(block, size, context->whole_subkey);
        pos_cmac_double(context->whole_subkey, size, context->padded_subkey);
    }
    pos_secret_wipe(block, sizeof block);
    return status;
}

static enum pos_status key_single(struct pos_mac *context, const uint8_t *key)
{
    uint8_t equal_halves[2 * DES_KEY_SIZE];
    memcpy(equal_halves, key, DES_KEY_SIZE);
    memcpy(equal_halves + DES_KEY_SIZE, key, DES_KEY_SIZE);
    enum pos_status status =
        pos_cipher_init(&context->single, POS_ALGORITHM_T2, POS_CIPHER_ENCRYPT, equal_halves);
    pos_secret_wipe(equal_halves, sizeof equal_halves);
    return status;
}

static bool possible(enum pos_mac_algorithm mac, enum pos_algorithm algorithm)
{
    if (mac == POS_MAC_CMAC)
        return algorithm > POS_ALGORITHM_NONE && algorithm < POS_ALGORITHM_COUNT;
    return (mac == POS_MAC_RETAIL || mac == POS_MAC_CUP_ECB) && algorithm == POS_ALGORITHM_T2;
}

enum pos_status pos_mac_rekey(struct pos_mac *context, enum pos_mac_algorithm mac,
                              enum pos_algorithm algorithm, const uint8_t *key)
{
    context->started = false;
    if (!possible(mac, algorithm))
        return POS_ERR_USAGE;
    context->mac = mac;
    enum pos_status status = pos_cipher_init(&context->cipher, algorithm, POS_CIPHER_ENCRYPT, key);
    if (status == POS_OK && mac == POS_MAC_CMAC)
        return make_subkeys(context);
    if (status == POS_OK && mac == POS_MAC_RETAIL)
        return key_single(context, key);
    return status;
}

enum pos_status pos_mac_create(enum pos_mac_algorithm mac, enum pos_algorithm algorithm,
                               const uint8_t *key, struct pos_mac **context)
{
    *context = NULL;
    if (!possible(mac, algorithm))
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
    pos_cipher_fini(&context->single);
    if (context->pieces != NULL)
        pos_secret_wipe(context->pieces, sizeof *context->pieces);
    free(context->pieces);
    pos_secret_wipe(context, sizeof *context);
    free(context);
}

size_t pos_mac_size(const struct pos_mac *context)
{
    return context->cipher.block_size;
}

/* ---- a message, as it comes ---- */

static void begin(const struct pos_mac *context, struct message *message)
{
    message->fresh = true;
    message->pending_size = 0;
    if (context->mac == POS_MAC_CUP_ECB)
        memset(message->pending, 0, DES_BLOCK_SIZE);
}

/* Sends the first `size` bytes of what is pending through `cipher`, as a part of the chain. */
static enum pos_status encrypt_pending(struct message *message, struct pos_cipher *cipher,
                                       size_t size)
{
    const uint8_t *iv = message->fresh ? zero_block : cipher->chain;
    message->fresh = false;
    return pos_cipher_cbc(cipher, iv, message->pending, size);
}

static enum pos_status empty_pending(struct pos_mac *context, struct message *message)
{
    struct pos_cipher *cipher =
        context->mac == POS_MAC_RETAIL ? &context->single : &context->cipher;
    message->pending_size = 0;
    return encrypt_pending(message, cipher, PENDING_SIZE);
}

/* Here pending_size is the place in the one block that everything is folded into. */
static void fold(struct message *message, struct pos_bytes piece)
{
    for (size_t i = 0; i < piece.size; i++) {
        message->pending[message->pending_size] ^= piece.data[i];
        message->pending_size = (message->pending_size + 1) % DES_BLOCK_SIZE;
    }
}

/* What is pending goes on only when more follows: the last block is treated in another way. */
static enum pos_status add(struct pos_mac *context, struct message *message, struct pos_bytes piece)
{
    if (context->mac == POS_MAC_CUP_ECB) {
        fold(message, piece);
        return POS_OK;
    }
    while (piece.size > 0) {
        if (message->pending_size == PENDING_SIZE) {
            enum pos_status status = empty_pending(context, message);
            if (status != POS_OK)
                return status;
        }
        size_t room = PENDING_SIZE - message->pending_size;
        size_t size = piece.size < room ? piece.size : room;
        memcpy(message->pending + message->pending_size, piece.data, size);
        message->pending_size += size;
        piece = pos_bytes(piece.data + size, piece.size - size);
    }
    return POS_OK;
}

/* ---- the end of a message, each in its way ---- */

/* Clause 6.2: pads the last block where it is not whole, and XORs the subkey that says which. */
static void close_last_block(const struct pos_mac *context, struct message *message)
{
    size_t block_size = context->cipher.block_size;
    const uint8_t *subkey = context->whole_subkey;
    if (message->pending_size == 0 || message->pending_size % block_size != 0) {
        subkey = context->padded_subkey;
        message->pending[message->pending_size++] = 0x80;
        while (message->pending_size % block_size != 0)
            message->pending[message->pending_size++] = 0;
    }
    uint8_t *last = message->pending + message->pending_size - block_size;
    for (size_t i = 0; i < block_size; i++)
        last[i] ^= subkey[i];
}

static enum pos_status finish_cmac(struct pos_mac *context, struct message *message, uint8_t *out)
{
    close_last_block(context, message);
    enum pos_status status = encrypt_pending(message, &context->cipher, message->pending_size);
    if (status == POS_OK)
        memcpy(out, context->cipher.chain, context->cipher.block_size);
    return status;
}

/* ISO 9797-1 clause 6.3.2: as few zeros as make whole blocks, of which there is at least one. */
static void pad_with_zeros(struct message *message)
{
    while (message->pending_size == 0 || message->pending_size % DES_BLOCK_SIZE != 0)
        message->pending[message->pending_size++] = 0;
}

static enum pos_status finish_retail(struct pos_mac *context, struct message *message, uint8_t *out)
{
    pad_with_zeros(message);
    size_t front = message->pending_size - DES_BLOCK_SIZE;
    uint8_t *last = message->pending + front;
    enum pos_status status =
        front == 0 ? POS_OK : encrypt_pending(message, &context->single, front);
    const uint8_t *iv = message->fresh ? zero_block : context->single.chain;
    if (status == POS_OK)
        status = pos_cipher_cbc(&context->cipher, iv, last, DES_BLOCK_SIZE);
    if (status == POS_OK)
        memcpy(out, last, DES_BLOCK_SIZE);
    return status;
}

static enum pos_status finish_cup_ecb(struct pos_mac *context, struct message *message,
                                      uint8_t *out)
{
    char spelled[2 * DES_BLOCK_SIZE + 1];
    message->pending_size = DES_BLOCK_SIZE; /* what is to be wiped */
    uint8_t *block = message->pending;
    pos_hex_encode(pos_bytes(block, DES_BLOCK_SIZE), spelled);
    memcpy(block, spelled, DES_BLOCK_SIZE);
    enum pos_status status = pos_cipher_ecb(&context->cipher, block, DES_BLOCK_SIZE);
    for (size_t i = 0; i < DES_BLOCK_SIZE; i++)
        block[i] ^= (uint8_t)spelled[DES_BLOCK_SIZE + i];
    if (status == POS_OK)
        status = pos_cipher_ecb(&context->cipher, block, DES_BLOCK_SIZE);
    if (status != POS_OK)
        return status;
    pos_hex_encode(pos_bytes(block, DES_BLOCK_SIZE), spelled);
    memcpy(out, spelled, DES_BLOCK_SIZE);
    pos_secret_wipe(spelled, sizeof spelled); /* more of the last block than the MAC shows */
    return POS_OK;
}

static enum pos_status finish(struct pos_mac *context, struct message *message, uint8_t *out)
{
    static enum pos_status (*const finishes[])(struct pos_mac *, struct message *, uint8_t *) = {
        [POS_MAC_CMAC] = finish_cmac,
        [POS_MAC_RETAIL] = finish_retail,
        [POS_MAC_CUP_ECB] = finish_cup_ecb,
    };
    enum pos_status status = finishes[context->mac](context, message, out);
    pos_secret_wipe(message->pending, message->pending_size);
    return status;
}

/* ---- what is asked for ---- */

enum pos_status pos_mac_start(struct pos_mac *context)
{
    if (context->pieces == NULL)
        context->pieces = calloc(1, sizeof *context->pieces);
    context->started = context->pieces != NULL;
    if (!context->started)
        return POS_ERR_MEMORY;
    begin(context, context->pieces);
    return POS_OK;
}

enum pos_status pos_mac_add(struct pos_mac *context, struct pos_bytes piece)
{
    assert(context->started);
    return add(context, context->pieces, piece);
}

enum pos_status pos_mac_finish(struct pos_mac *context, uint8_t *out)
{
    assert(context->started);
    context->started = false;
    return finish(context, context->pieces, out);
}

/* Uses the cipher that a message in pieces goes through, so that one is over. */
enum pos_status pos_mac_compute(struct pos_mac *context, struct pos_bytes bytes, uint8_t *out)
{
    struct message message;
    context->started = false;
    begin(context, &message);
    enum pos_status status = add(context, &message, bytes);
    return status == POS_OK ? finish(context, &message, out) : status;
}
