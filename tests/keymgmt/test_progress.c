#include <criterion/criterion.h>

#include "keymgmt/progress.h"

Test(progress, says_share_and_time_left)
{
    static const struct {
        uint64_t done, total, elapsed_ns;
        const char *text;
    } rows[] = {
        {0, 100, 0, "0 of 100 keys (0 %, 0 s left)"},
        {1200, 5000, 1000000000, "1200 of 5000 keys (24 %, 3 s left)"},
        {5000, 5000, 4000000000, "5000 of 5000 keys (100 %, 0 s left)"},
        {0, 0, 0, "0 of 0 keys (100 %, 0 s left)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[POS_PROGRESS_TEXT_SIZE];
        pos_progress_text("keys", rows[i].done, rows[i].total, rows[i].elapsed_ns, text);
        cr_expect_str_eq(text, rows[i].text);
    }
}
