/* Descriptors for connections: the limit is raised, and where it may not be the databases' come
 * first. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#include "gateway/descriptors.h"

enum { BESIDE = 512 };

/* For good, so each test is in its own process. */
static void set_limit(rlim_t now, rlim_t most)
{
    const struct rlimit limit = {.rlim_cur = now, .rlim_max = most};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static rlim_t limit_now(void)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit.rlim_cur;
}

Test(descriptors, limit_is_raised_for_what_is_wanted_and_no_further)
{
    uint32_t connections;
    struct pos_error error;
    set_limit(100, 4000);
    cr_expect_eq(pos_descriptors_take(1000, &connections, &error), POS_OK);
    cr_expect_eq(connections, 1000);
    cr_expect_eq(limit_now(), 1000 + BESIDE);
    cr_expect_eq(pos_descriptors_take(10, &connections, &error), POS_OK);
    cr_expect_eq(limit_now(), 1000 + BESIDE, "it is not lowered");
}

Test(descriptors, fewer_connections_are_served_where_there_are_fewer)
{
    uint32_t connections;
    struct pos_error error;
    set_limit(100, 4000);
    cr_expect_eq(pos_descriptors_take(4000 - BESIDE, &connections, &error), POS_OK);
    cr_expect_eq(pos_descriptors_take(4000 - BESIDE + 1, &connections, &error), POS_ERR_LIMIT);
    cr_expect_eq(connections, 4000 - BESIDE);
    cr_expect_eq(limit_now(), 4000);
    cr_expect(strstr(error.text, "limits.connections = 3489 takes 4001") != NULL, "%s", error.text);
    cr_expect(strstr(error.text, "LimitNOFILE") != NULL, "%s", error.text);
}

Test(descriptors, a_table_of_many_files_gets_room_for_more)
{
    uint32_t connections;
    struct pos_error error;
    set_limit(4000, 4000);
    for (int i = 0; i < 1000; i++)
        cr_assert(open("/dev/null", O_RDONLY) >= 0);
    cr_expect_eq(pos_descriptors_take(4000, &connections, &error), POS_ERR_LIMIT);
    cr_expect(connections > 1900 && connections < 2000, "%u", connections);
}

Test(descriptors, none_is_left_for_connections)
{
    uint32_t connections;
    struct pos_error error;
    set_limit(BESIDE, BESIDE);
    cr_expect_eq(pos_descriptors_take(1, &connections, &error), POS_ERR_LIMIT);
    cr_expect_eq(connections, 0);
}
