#include "core/crypto/digest.h"

#include <criterion/criterion.h>

#include "tests/core/crypto/vectors.h"

/* FIPS 180-4 examples. */
Test(digest, is_sha_256_of_the_pieces_in_a_row)
{
    struct vector abc =
        vector_hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct vector empty =
        vector_hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    uint8_t digest[POS_DIGEST_SIZE];
    const struct pos_bytes whole[] = {pos_bytes_text("abc")};
    const struct pos_bytes pieces[] = {pos_bytes_text("a"), pos_bytes(NULL, 0),
                                       pos_bytes_text("bc")};
    cr_expect(pos_digest(whole, 1, digest) == POS_OK);
    cr_expect_arr_eq(digest, abc.data, sizeof digest);
    cr_expect(pos_digest(pieces, 3, digest) == POS_OK);
    cr_expect_arr_eq(digest, abc.data, sizeof digest);
    cr_expect(pos_digest(NULL, 0, digest) == POS_OK);
    cr_expect_arr_eq(digest, empty.data, sizeof digest);
}
