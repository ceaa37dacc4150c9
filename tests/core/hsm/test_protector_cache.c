/* With functions of its own in front of those that make and destroy protectors, to count them. */
#include "core/hsm/protector_cache.h"

#include <criterion/criterion.h>
#include <string.h>

#include "core/crypto/kcv.h"

enum pos_status __real_pos_key_block_protector_create(enum pos_algorithm algorithm,
                                                      const uint8_t *key,
                                                      struct pos_key_block_protector **protector);
enum pos_status __wrap_pos_key_block_protector_create(enum pos_algorithm algorithm,
                                                      const uint8_t *key,
                                                      struct pos_key_block_protector **protector);
void __real_pos_key_block_protector_destroy(struct pos_key_block_protector *protector);
void __wrap_pos_key_block_protector_destroy(struct pos_key_block_protector *protector);

static size_t living, made;
static bool failing;

enum pos_status __wrap_pos_key_block_protector_create(enum pos_algorithm algorithm,
                                                      const uint8_t *key,
                                                      struct pos_key_block_protector **protector)
{
    *protector = NULL;
    if (failing)
        return POS_ERR_MEMORY;
    enum pos_status status = __real_pos_key_block_protector_create(algorithm, key, protector);
    living += status == POS_OK;
    made += status == POS_OK;
    return status;
}

void __wrap_pos_key_block_protector_destroy(struct pos_key_block_protector *protector)
{
    living -= protector != NULL;
    __real_pos_key_block_protector_destroy(protector);
}

static struct pos_key numbered(unsigned number)
{
    struct pos_key key = {.usage = POS_USAGE_KTK, .algorithm = POS_ALGORITHM_A256, .size = 64};
    memcpy(key.data, &number, sizeof number);
    return key;
}

static void clear_of(unsigned number, uint8_t clear[POS_KEY_SIZE_MAX])
{
    memset(clear, (int)number, POS_KEY_SIZE_MAX);
    memcpy(clear, &number, sizeof number);
}

static const struct pos_protection *put(struct pos_protector_cache *cache, unsigned number)
{
    uint8_t clear[POS_KEY_SIZE_MAX];
    struct pos_key key = numbered(number);
    const struct pos_protection *protection = NULL;
    clear_of(number, clear);
    cr_assert(pos_protector_cache_put(cache, &key, clear, &protection) == POS_OK);
    return protection;
}

static const struct pos_protection *find(struct pos_protector_cache *cache, unsigned number)
{
    struct pos_key key = numbered(number);
    return pos_protector_cache_find(cache, &key);
}

static void expect_of(const struct pos_protection *protection, unsigned number)
{
    uint8_t clear[POS_KEY_SIZE_MAX];
    struct pos_kcv right;
    clear_of(number, clear);
    cr_assert(pos_kcv_compute(POS_ALGORITHM_A256, clear, &right) == POS_OK);
    cr_expect(protection != NULL && pos_kcv_equal(&protection->kcv, &right), "number %u", number);
}

Test(protector_cache, finds_what_was_put_and_nothing_that_differs)
{
    struct pos_protector_cache *cache = pos_protector_cache_create();
    cr_expect(find(cache, 1) == NULL);
    const struct pos_protection *one = put(cache, 1), *two = put(cache, 2);
    cr_expect(find(cache, 1) == one && find(cache, 2) == two && one != two);
    expect_of(one, 1);
    expect_of(two, 2);
    struct pos_key key = numbered(1);
    key.usage = POS_USAGE_TMK;
    cr_expect(pos_protector_cache_find(cache, &key) == NULL);
    key = numbered(1);
    key.algorithm = POS_ALGORITHM_A128;
    cr_expect(pos_protector_cache_find(cache, &key) == NULL);
    key = numbered(1);
    key.data[63] ^= 1;
    cr_expect(pos_protector_cache_find(cache, &key) == NULL);
    key = numbered(1);
    key.size = 48;
    cr_expect(pos_protector_cache_find(cache, &key) == NULL);
    key = (struct pos_key){0};
    cr_expect(pos_protector_cache_find(cache, &key) == NULL, "an empty place is of no key");
    pos_protector_cache_destroy(cache);
    pos_protector_cache_destroy(NULL);
    cr_expect(living == 0);
}

Test(protector_cache, destroys_the_one_that_was_not_used_for_longest)
{
    enum { COUNT = 10 * POS_PROTECTOR_COUNT_MAX };
    struct pos_protector_cache *cache = pos_protector_cache_create();
    (void)put(cache, 0);
    for (unsigned i = 1; i < COUNT; i++) {
        (void)put(cache, i);
        expect_of(find(cache, 0), 0); /* used all the time */
        expect_of(find(cache, i), i);
        cr_expect(living == (i + 1 < POS_PROTECTOR_COUNT_MAX ? i + 1 : POS_PROTECTOR_COUNT_MAX),
                  "%zu after %u", living, i);
        if (i >= POS_PROTECTOR_COUNT_MAX)
            cr_expect(find(cache, i + 1 - POS_PROTECTOR_COUNT_MAX) == NULL, "after %u", i);
    }
    cr_expect(made == COUNT);
    pos_protector_cache_destroy(cache);
    cr_expect(living == 0, "%zu protectors were left behind", living);
}

Test(protector_cache, keeps_what_it_has_when_one_cannot_be_made)
{
    uint8_t clear[POS_KEY_SIZE_MAX] = {1};
    const struct pos_protection *none = NULL;
    struct pos_protector_cache *cache = pos_protector_cache_create();
    for (unsigned i = 0; i < POS_PROTECTOR_COUNT_MAX; i++)
        (void)put(cache, i);
    struct pos_key key = numbered(99);
    failing = true;
    cr_expect(pos_protector_cache_put(cache, &key, clear, &none) == POS_ERR_MEMORY);
    failing = false;
    key.algorithm = POS_ALGORITHM_SM4;
    cr_expect(pos_protector_cache_put(cache, &key, clear, &none) == POS_ERR_USAGE);
    for (unsigned i = 0; i < POS_PROTECTOR_COUNT_MAX; i++)
        expect_of(find(cache, i), i);
    pos_protector_cache_destroy(cache);
    cr_expect(living == 0);
}
