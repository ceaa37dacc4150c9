#include "core/hsm/context_cache.h"

#include <criterion/criterion.h>
#include <string.h>

static struct pos_key numbered(unsigned number)
{
    struct pos_key key = {.usage = POS_USAGE_TAK, .algorithm = POS_ALGORITHM_A256, .size = 64};
    memcpy(key.data + 48, &number, sizeof number); /* away from the bytes that are hashed... */
    key.data[63] = (uint8_t)(number % 3);          /* ...so that buckets are shared */
    return key;
}

static struct pos_mac *put(struct pos_context_cache *cache, unsigned number)
{
    struct pos_key key = numbered(number);
    uint8_t clear[POS_KEY_SIZE_MAX];
    memset(clear, (int)number, sizeof clear);
    struct pos_mac *mac;
    cr_assert(pos_context_cache_put(cache, &key, POS_MAC_WORKING, clear, &mac) == POS_OK);
    return mac;
}

static struct pos_mac *find(struct pos_context_cache *cache, unsigned number)
{
    struct pos_key key = numbered(number);
    return pos_context_cache_find(cache, &key, POS_MAC_WORKING);
}

static void expect_keyed(struct pos_mac *mac, unsigned number)
{
    uint8_t clear[POS_KEY_SIZE_MAX], out[16], right[16];
    memset(clear, (int)number, sizeof clear);
    struct pos_mac *fresh;
    cr_assert(pos_mac_create(POS_MAC_CMAC, POS_ALGORITHM_A256, clear, &fresh) == POS_OK);
    cr_assert(pos_mac_compute(fresh, pos_bytes_text("m"), right) == POS_OK);
    cr_assert(pos_mac_compute(mac, pos_bytes_text("m"), out) == POS_OK);
    cr_expect_arr_eq(out, right, sizeof out, "number %u", number);
    pos_mac_destroy(fresh);
}

Test(context_cache, finds_what_was_put_and_nothing_that_differs)
{
    struct pos_context_cache *cache = pos_context_cache_create(8);
    cr_assert(cache != NULL);
    cr_expect(find(cache, 1) == NULL);
    struct pos_mac *one = put(cache, 1), *two = put(cache, 2);
    cr_expect(find(cache, 1) == one && find(cache, 2) == two && one != two);
    expect_keyed(one, 1);
    expect_keyed(two, 2);
    struct pos_key key = numbered(1);
    cr_expect(pos_context_cache_find(cache, &key, POS_MAC_REGISTRATION) == NULL);
    key.usage = POS_USAGE_TMK;
    cr_expect(pos_context_cache_find(cache, &key, POS_MAC_WORKING) == NULL);
    key = numbered(1);
    key.algorithm = POS_ALGORITHM_A128;
    cr_expect(pos_context_cache_find(cache, &key, POS_MAC_WORKING) == NULL);
    key = numbered(1);
    key.data[0] ^= 1;
    cr_expect(pos_context_cache_find(cache, &key, POS_MAC_WORKING) == NULL);
    pos_context_cache_destroy(cache);
    pos_context_cache_destroy(NULL);
}

Test(context_cache, at_its_bound_keys_an_old_context_anew)
{
    enum { CAPACITY = 16, COUNT = 1000 };
    struct pos_context_cache *cache = pos_context_cache_create(CAPACITY);
    cr_assert(cache != NULL);
    struct pos_mac *first[CAPACITY];
    for (unsigned i = 0; i < CAPACITY; i++)
        first[i] = put(cache, i);
    for (unsigned i = CAPACITY; i < COUNT; i++) {
        struct pos_mac *mac = put(cache, i);
        bool reused = false;
        for (size_t f = 0; f < CAPACITY; f++)
            reused = reused || mac == first[f];
        cr_expect(reused, "number %u was given a context of its own", i);
        cr_expect(find(cache, i) == mac);
        expect_keyed(mac, i);
    }
    size_t found = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        struct pos_mac *mac = find(cache, i);
        if (mac == NULL)
            continue;
        found++;
        expect_keyed(mac, i);
    }
    cr_expect(found == CAPACITY, "%zu", found);
    pos_context_cache_destroy(cache);
}

Test(context_cache, keeps_what_is_used_all_the_time)
{
    struct pos_context_cache *cache = pos_context_cache_create(8);
    cr_assert(cache != NULL);
    struct pos_mac *busy = put(cache, 0);
    for (unsigned i = 1; i < 500; i++) {
        (void)put(cache, i);
        cr_expect(find(cache, 0) == busy, "after %u", i);
    }
    expect_keyed(busy, 0);
    pos_context_cache_destroy(cache);
}

Test(context_cache, of_one_still_works)
{
    struct pos_context_cache *cache = pos_context_cache_create(1);
    cr_assert(cache != NULL);
    for (unsigned i = 0; i < 10; i++) {
        struct pos_mac *mac = put(cache, i);
        cr_expect(find(cache, i) == mac);
        cr_expect(i == 0 || find(cache, i - 1) == NULL);
        /* There are two buckets, so two of the three purposes share one. */
        struct pos_key key = numbered(i);
        cr_expect(pos_context_cache_find(cache, &key, POS_MAC_REGISTRATION) == NULL);
        cr_expect(pos_context_cache_find(cache, &key, POS_MAC_KEY_FILE) == NULL);
        expect_keyed(mac, i);
    }
    pos_context_cache_destroy(cache);
}

/* No cipher of the key's algorithm: nothing is added, and the room is there as before. */
Test(context_cache, what_cannot_be_keyed_takes_no_room)
{
    struct pos_context_cache *cache = pos_context_cache_create(2);
    cr_assert(cache != NULL);
    const uint8_t clear[POS_KEY_SIZE_MAX] = {0};
    for (unsigned i = 0; i < 3; i++) {
        struct pos_key key = numbered(100 + i);
        struct pos_mac *mac;
        key.algorithm = POS_ALGORITHM_NONE;
        cr_expect(pos_context_cache_put(cache, &key, POS_MAC_WORKING, clear, &mac) != POS_OK);
        cr_expect(pos_context_cache_find(cache, &key, POS_MAC_WORKING) == NULL);
    }
    struct pos_mac *one = put(cache, 1), *two = put(cache, 2);
    cr_expect(find(cache, 1) == one && find(cache, 2) == two);
    expect_keyed(one, 1);
    expect_keyed(two, 2);
    pos_context_cache_destroy(cache);
}

/* The purpose decides the MAC, and a context takes on another one when it is keyed anew. */
Test(context_cache, keys_contexts_for_the_mac_of_their_purpose)
{
    static const struct {
        enum pos_algorithm algorithm;
        enum pos_mac_purpose purpose;
        enum pos_mac_algorithm right;
    } rows[] = {
        {POS_ALGORITHM_T2, POS_MAC_WORKING, POS_MAC_RETAIL},
        {POS_ALGORITHM_T2, POS_MAC_WORKING_ECB, POS_MAC_CUP_ECB},
        {POS_ALGORITHM_T2, POS_MAC_REGISTRATION, POS_MAC_CMAC},
        {POS_ALGORITHM_T2, POS_MAC_ZONE, POS_MAC_RETAIL},
        {POS_ALGORITHM_T3, POS_MAC_ZONE, POS_MAC_CMAC},
        {POS_ALGORITHM_SM4, POS_MAC_WORKING, POS_MAC_CMAC},
        {POS_ALGORITHM_A128, POS_MAC_WORKING, POS_MAC_CMAC},
        {POS_ALGORITHM_T2, POS_MAC_KEY_FILE, POS_MAC_CMAC},
    };
    uint8_t clear[POS_KEY_SIZE_MAX];
    for (size_t i = 0; i < sizeof clear; i++)
        clear[i] = (uint8_t)(7 * i + 1);
    for (size_t capacity = 1; capacity <= 16; capacity += 15) {
        struct pos_context_cache *cache = pos_context_cache_create(capacity);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            struct pos_key key = {
                .usage = POS_USAGE_TAK, .algorithm = rows[i].algorithm, .size = 64};
            uint8_t right[16] = {0}, out[16] = {0};
            struct pos_mac *mac, *fresh;
            cr_expect(pos_context_cache_find(cache, &key, rows[i].purpose) == NULL);
            cr_assert(pos_context_cache_put(cache, &key, rows[i].purpose, clear, &mac) == POS_OK);
            cr_expect(pos_context_cache_find(cache, &key, rows[i].purpose) == mac);
            cr_assert(pos_mac_create(rows[i].right, rows[i].algorithm, clear, &fresh) == POS_OK);
            cr_assert(pos_mac_compute(fresh, pos_bytes_text("0800 message"), right) == POS_OK);
            cr_assert(pos_mac_compute(mac, pos_bytes_text("0800 message"), out) == POS_OK);
            cr_expect_arr_eq(out, right, sizeof out, "row %zu of %zu", i, capacity);
            pos_mac_destroy(fresh);
        }
        pos_context_cache_destroy(cache);
    }
}
