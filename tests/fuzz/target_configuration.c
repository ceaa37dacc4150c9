/* A configuration file of the gateway: read, and when it is a good one, written and read again. */
#include <stdlib.h>
#include <string.h>

#include "gateway/settings.h"
#include "tests/fuzz/fuzz.h"

static struct pos_gateway_settings first, second;
static struct pos_config_report report;
static char dumped[2][POS_SETTINGS_DUMP_SIZE_MAX];

static struct pos_bytes dump(const struct pos_gateway_settings *settings, char *memory)
{
    struct pos_buffer out = pos_buffer(memory, POS_SETTINGS_DUMP_SIZE_MAX);
    pos_gateway_settings_dump(settings, &out);
    fuzz_must(!out.overflow, "settings that were read can be written");
    return pos_buffer_view(&out);
}

void fuzz_configuration(const uint8_t *data, size_t size)
{
    static char text[POS_CONFIG_MISTAKE_COUNT_MAX * (POS_CONFIG_MISTAKE_TEXT_SIZE + 600)];
    const char *path = fuzz_file(pos_bytes(data, size));
    enum pos_status status = pos_gateway_settings_read(path, &first, &report);
    fuzz_must((status == POS_OK) == (report.count == 0), "a file without a mistake is a good one");
    if (status != POS_OK) {
        struct pos_buffer out = pos_buffer(text, sizeof text);
        pos_config_report_format(&report, &out);
        fuzz_must(out.size > 0, "a mistake is told");
        return;
    }
    struct pos_bytes once = dump(&first, dumped[0]);
    path = fuzz_file(once);
    fuzz_must(pos_gateway_settings_read(path, &second, &report) == POS_OK, "and read again");
    fuzz_must(pos_bytes_equal(once, dump(&second, dumped[1])), "to the same settings");
}
