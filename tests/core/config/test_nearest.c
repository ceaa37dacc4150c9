/* Which name was meant. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/config/internal.h"

Test(config_nearest, finds_what_was_meant)
{
    static const char *const names[] = {"listeners", "loops", "log", "limits", NULL};
    static const struct {
        const char *typed, *meant;
    } rows[] = {
        {"listners", "listeners"}, {"lisetners", "listeners"}, {"listenerss", "listeners"},
        {"loop", "loops"},         {"lopos", "loops"},         {"lgo", "log"},
        {"limit", "limits"},       {"limtis", "limits"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *found = pos_config_nearest_choice(names, rows[i].typed);
        cr_expect(found != NULL && strcmp(found, rows[i].meant) == 0, "%s: %s", rows[i].typed,
                  found == NULL ? "nothing" : found);
    }
}

Test(config_nearest, says_nothing_rather_than_nonsense)
{
    static const char *const names[] = {"listeners", "log", NULL};
    char endless[4 * POS_CONFIG_NAME_SIZE_MAX];
    memset(endless, 'l', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    cr_expect_null(pos_config_nearest_choice(names, "database"));
    cr_expect_null(pos_config_nearest_choice(names, "xyz"));
    cr_expect_null(pos_config_nearest_choice(names, endless));
}
