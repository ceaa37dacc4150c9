/* Failpoints: one kills when it is named and passed often enough, and a build without them has
 * none.
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/failpoint.h"

#if POSGATE_FAILPOINTS

/* How a process ends that passes "here" twice and "there" once: 0, or the signal's number. */
static int pass_with(const char *named)
{
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        if (named != NULL)
            (void)setenv("POSGATE_FAILPOINT", named, 1);
        POS_FAILPOINT("here");
        POS_FAILPOINT("there");
        POS_FAILPOINT("here");
        _exit(0);
    }
    int how;
    cr_assert_eq(waitpid(child, &how, 0), child);
    return WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how);
}

Test(failpoint, kills_where_it_is_named_and_nowhere_else)
{
    static const struct {
        const char *named;
        int ends;
    } rows[] = {{NULL, 0},     {"", 0},        {"here", SIGKILL},   {"there", SIGKILL},
                {"her", 0},    {"heres", 0},   {"here:1", SIGKILL}, {"here:2", SIGKILL},
                {"here:3", 0}, {"there:2", 0}, {"here:0", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(pass_with(rows[i].named), rows[i].ends, "%s",
                     rows[i].named == NULL ? "(none)" : rows[i].named);
}

#endif

/* ---- a build without them ---- */

/* The header once more, as a release build reads it. */
#undef POS_BASE_FAILPOINT_H
#undef POS_FAILPOINT
#undef POSGATE_FAILPOINTS
#define POSGATE_FAILPOINTS 0
#include "core/base/failpoint.h" /* NOLINT(readability-duplicate-include) */

#define TEXT_OF(...)  #__VA_ARGS__
#define EXPANDED(...) TEXT_OF(__VA_ARGS__)

Test(failpoint, is_nothing_in_a_build_without_them)
{
    cr_expect_str_eq(EXPANDED(POS_FAILPOINT("here")), "((void)0)");
}

static bool preset_has_them(const json_t *presets, const char *wanted)
{
    size_t i;
    json_t *preset;
    json_array_foreach(presets, i, preset)
    {
        if (strcmp(json_string_value(json_object_get(preset, "name")), wanted) != 0)
            continue;
        const json_t *value =
            json_object_get(json_object_get(preset, "cacheVariables"), "POSGATE_FAILPOINTS");
        return value != NULL && strcmp(json_string_value(value), "ON") == 0;
    }
    cr_assert(false, "there is no preset %s", wanted);
    return false;
}

/* What users run and what is measured has none; what is tested has them. */
Test(failpoint, is_on_where_tests_run_and_off_in_a_release)
{
    json_error_t error;
    json_t *root = json_load_file(POSGATE_SOURCE_DIR "/CMakePresets.json", 0, &error);
    cr_assert_not_null(root, "%s", error.text);
    const json_t *presets = json_object_get(root, "configurePresets");
    cr_expect(preset_has_them(presets, "dev"));
    cr_expect(preset_has_them(presets, "asan"));
    cr_expect_not(preset_has_them(presets, "base"));
    cr_expect_not(preset_has_them(presets, "release"));
    json_decref(root);
}
