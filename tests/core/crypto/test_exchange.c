#include "core/crypto/exchange.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/core/crypto/vectors.h"

/* RFC 7748 clause 6.1. The session key is HKDF-SHA-256 (RFC 5869) of that clause's shared secret,
 * computed with Python's hmac: extract with salt Alice's | Bob's public key, then expand with
 * "posgate mother v1" and 01. */
static const char alice_private[] =
    "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
static const char alice_public[] =
    "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
static const char bob_private[] =
    "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
static const char bob_public[] = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
static const char session[] = "0e881bff190f30cc48bb14b066ec6261e6bb2b6a4891fbd09de559bbebf6cb28";

static struct pos_exchange *restored(const char *private_key)
{
    struct vector bytes = vector_hex(private_key);
    struct pos_exchange *exchange;
    cr_assert(pos_exchange_restore(bytes.data, &exchange) == POS_OK);
    return exchange;
}

Test(exchange, agrees_with_rfc_7748_and_5869_on_both_sides)
{
    struct pos_exchange *alice = restored(alice_private), *bob = restored(bob_private);
    struct vector alice_key = vector_hex(alice_public), bob_key = vector_hex(bob_public);
    struct vector right = vector_hex(session);
    uint8_t key[POS_KEY_SIZE_MAX];
    pos_exchange_public(alice, key);
    cr_expect_arr_eq(key, alice_key.data, sizeof key);
    pos_exchange_public(bob, key);
    cr_expect_arr_eq(key, bob_key.data, sizeof key);
    cr_expect(pos_exchange_session_key(alice, POS_EXCHANGE_TERMINAL, bob_key.data, key) == POS_OK);
    cr_expect_arr_eq(key, right.data, sizeof key);
    cr_expect(pos_exchange_session_key(bob, POS_EXCHANGE_MOTHER, alice_key.data, key) == POS_OK);
    cr_expect_arr_eq(key, right.data, sizeof key);
    cr_expect(pos_exchange_session_key(bob, POS_EXCHANGE_TERMINAL, alice_key.data, key) == POS_OK);
    cr_expect_arr_neq(key, right.data, sizeof key, "who is who is part of the key");
    pos_exchange_destroy(alice);
    pos_exchange_destroy(bob);
}

Test(exchange, of_new_pairs_agrees)
{
    struct pos_exchange *terminal, *mother;
    cr_assert(pos_exchange_create(&terminal) == POS_OK);
    cr_assert(pos_exchange_create(&mother) == POS_OK);
    uint8_t terminal_public[32], mother_public[32], one[32], other[32];
    pos_exchange_public(terminal, terminal_public);
    pos_exchange_public(mother, mother_public);
    cr_expect_arr_neq(terminal_public, mother_public, 32, "pairs are random");
    cr_expect(pos_exchange_session_key(terminal, POS_EXCHANGE_TERMINAL, mother_public, one) == 0);
    cr_expect(pos_exchange_session_key(mother, POS_EXCHANGE_MOTHER, terminal_public, other) == 0);
    cr_expect_arr_eq(one, other, 32);
    pos_exchange_destroy(terminal);
    pos_exchange_destroy(mother);
    pos_exchange_destroy(NULL);
}

/* RFC 7748 clause 6.1: the check for the all-zero value. All the points of small order below give
 * it. */
Test(exchange, refuses_public_keys_of_small_order)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    struct pos_exchange *alice = restored(alice_private);
    uint8_t key[POS_KEY_SIZE_MAX];
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        struct vector point = vector_hex(points[i]);
        cr_expect(pos_exchange_session_key(alice, POS_EXCHANGE_MOTHER, point.data, key) ==
                      POS_ERR_FORMAT,
                  "%s", points[i]);
    }
    pos_exchange_destroy(alice);
}
