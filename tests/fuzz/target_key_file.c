/* Key files, line by line and whole. */
#include <string.h>

#include "core/wire/key_file.h"
#include "core/wire/return_file.h"
#include "keymgmt/key_file_scan.h"
#include "tests/fuzz/fuzz.h"

static void same_again(const struct pos_buffer *again, struct pos_bytes line)
{
    fuzz_must(!again->overflow && pos_bytes_equal(pos_buffer_view(again), line),
              "a line that is read has one form");
}

/* How many readers of return files take the line; each that does writes it again. */
static unsigned read_return_line(struct pos_bytes line, struct pos_buffer *again)
{
    struct pos_return_file_header header;
    struct pos_return_file_key key;
    struct pos_error error;
    unsigned readers = 0;
    if (pos_return_file_read_header(line, &header, &error) == POS_OK) {
        readers++;
        pos_return_file_write_header(&header, again);
    }
    if (pos_return_file_read_key(line, &key, &error) == POS_OK) {
        readers++;
        pos_return_file_write_key(&key, again);
    }
    return readers;
}

/* One line, given to every reader; trailers of key files and of return files are alike. */
void fuzz_key_file_line(const uint8_t *data, size_t size)
{
    static char memory[POS_KEY_FILE_LINE_SIZE_MAX + 1];
    struct pos_bytes line = pos_bytes(data, size);
    struct pos_key_file_header header;
    struct pos_key_file_key key;
    struct pos_trailer trailer;
    struct pos_error error;
    enum pos_key_file_line kind;
    unsigned readers = 0;
    struct pos_buffer again = pos_buffer(memory, sizeof memory);
    if (pos_key_file_read_header(line, &header, &error) == POS_OK) {
        readers++;
        pos_key_file_write_header(&header, &again);
    }
    if (pos_key_file_read_key(line, &key, &error) == POS_OK) {
        readers++;
        pos_key_file_write_key(&key, &again);
    }
    if (pos_key_file_read_trailer(line, &trailer, &error) == POS_OK) {
        readers++;
        pos_trailer_write(&trailer, &again);
    }
    if (readers == 1)
        fuzz_must(pos_key_file_line_kind(line, &kind) == POS_OK, "its kind is known");
    readers += read_return_line(line, &again);
    fuzz_must(readers <= 1, "a line is of one kind");
    if (readers == 1)
        same_again(&again, line);
}

/* A whole file, without its MAC, for which the KTK would be needed. */
void fuzz_key_file(const uint8_t *data, size_t size)
{
    struct pos_key_file_header header;
    struct pos_error error = {.text = ""};
    enum pos_status status = pos_key_file_scan(fuzz_file(pos_bytes(data, size)), &header, &error);
    fuzz_must((status == POS_OK) == (error.text[0] == '\0'), "what is refused is explained");
    fuzz_must(status != POS_OK || header.last - header.first + 1 == header.count,
              "a good file has all its indexes");
}
