#include "core/store/staged.h"

#include <criterion/criterion.h>
#include <stdio.h>

static void add(struct pos_staged *staged, size_t family, const char *key, const char *value)
{
    const struct pos_staged_row row = {.family = family,
                                       .key = pos_bytes_text(key),
                                       .value = pos_bytes_text(value != NULL ? value : ""),
                                       .deleted = value == NULL};
    cr_assert(pos_staged_add(staged, &row));
}

/* NULL: there is none; "deleted": so it is. */
static void expect_found(const struct pos_staged *staged, size_t family, const char *key,
                         const char *value)
{
    struct pos_staged_row row;
    bool found = pos_staged_find(staged, family, pos_bytes_text(key), &row);
    cr_assert_eq(found, value != NULL, "%zu %s", family, key);
    if (!found)
        return;
    cr_expect_eq(row.family, family);
    cr_expect(pos_bytes_equal_text(row.key, key));
    cr_expect_eq(row.deleted, strcmp(value, "deleted") == 0, "%zu %s", family, key);
    cr_expect(row.deleted || pos_bytes_equal_text(row.value, value), "%zu %s", family, key);
}

Test(staged, finds_the_newest_row_of_a_key)
{
    struct pos_staged *staged = pos_staged_create();
    expect_found(staged, 0, "a", NULL);
    add(staged, 0, "a", "1");
    add(staged, 1, "a", "other family");
    add(staged, 0, "ab", "longer");
    add(staged, 0, "a", "2");
    expect_found(staged, 0, "a", "2");
    expect_found(staged, 1, "a", "other family");
    expect_found(staged, 0, "ab", "longer");
    expect_found(staged, 0, "b", NULL);
    add(staged, 0, "a", NULL);
    expect_found(staged, 0, "a", "deleted");
    add(staged, 0, "a", "");
    expect_found(staged, 0, "a", "");
    cr_expect_eq(pos_staged_count(staged), 6);
    cr_expect(pos_bytes_equal_text(pos_staged_at(staged, 2).value, "longer"));
    pos_staged_destroy(staged);
}

Test(staged, forgets_what_is_cut)
{
    struct pos_staged *staged = pos_staged_create();
    add(staged, 0, "a", "1");
    add(staged, 0, "b", "1");
    add(staged, 0, "a", NULL);
    add(staged, 0, "c", "1");
    pos_staged_cut(staged, 2);
    expect_found(staged, 0, "a", "1");
    expect_found(staged, 0, "b", "1");
    expect_found(staged, 0, "c", NULL);
    add(staged, 0, "b", "a longer value than before");
    expect_found(staged, 0, "a", "1");
    expect_found(staged, 0, "b", "a longer value than before");
    pos_staged_cut(staged, 0);
    cr_expect_eq(pos_staged_count(staged), 0);
    expect_found(staged, 0, "a", NULL);
    expect_found(staged, 0, "b", NULL);
    pos_staged_destroy(staged);
}

/* More rows than buckets, so that chains hold several keys, and more than it begins with room for.
 */
Test(staged, tells_rows_of_one_bucket_apart)
{
    enum { COUNT = 20000 };
    struct pos_staged *staged = pos_staged_create();
    char key[16], value[16];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++) {
            (void)snprintf(key, sizeof key, "key%d", i);
            (void)snprintf(value, sizeof value, "%d:%d", round, i);
            add(staged, (size_t)i % 3, key, value);
        }
    }
    pos_staged_cut(staged, COUNT + COUNT / 2);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(key, sizeof key, "key%d", i);
        (void)snprintf(value, sizeof value, "%d:%d", i < COUNT / 2, i);
        expect_found(staged, (size_t)i % 3, key, value);
        expect_found(staged, (size_t)(i + 1) % 3, key, NULL);
    }
    pos_staged_destroy(staged);
}
