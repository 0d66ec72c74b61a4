#include "events.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    char *text;
    size_t length, room;
    bool comma; /* whether the next member needs one */
} line;

static uint32_t crc32_of(const char *text, size_t length)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < length; i++) {
        crc ^= (unsigned char)text[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0xEDB88320u : 0u);
    }
    return crc ^ 0xFFFFFFFFu;
}

void *allocate(uint64_t count, uint64_t size)
{
    void *found = calloc(count > 0 ? count : 1, size);
    if (found == NULL) {
        /* The event's own text may not be to be had either. */
        static const char words[] = "runner: out of memory\n";
        (void)!fwrite(words, 1, sizeof words - 1, stderr);
        exit(EXIT_RUNTIME);
    }
    return found;
}

static void put_bytes(const char *bytes, size_t count)
{
    if (line.length + count + 1 > line.room) {
        size_t room = 2 * line.room + count + 256;
        char *grown = allocate(room, 1);
        if (line.length > 0)
            memcpy(grown, line.text, line.length);
        free(line.text);
        line.text = grown;
        line.room = room;
    }
    memcpy(line.text + line.length, bytes, count);
    line.length += count;
    line.text[line.length] = '\0';
}

static void put(const char *text)
{
    put_bytes(text, strlen(text));
}

/* Text from a file may be anything: what is not printable ASCII is written as a question mark. */
static void put_quoted(const char *text)
{
    put("\"");
    for (; *text != '\0'; text++) {
        unsigned char sign = (unsigned char)*text;
        if (sign == '"' || sign == '\\')
            put("\\");
        if (sign == '\n')
            put("\\n");
        else
            put_bytes(sign >= 0x20 && sign < 0x7F ? text : "?", 1);
    }
    put("\"");
}

static void put_name(const char *name)
{
    if (line.comma)
        put(",");
    line.comma = true;
    put_quoted(name);
    put(":");
}

static void put_number(double value)
{
    char digits[40];
    if (!isfinite(value)) {
        put("null");
        return;
    }
    snprintf(digits, sizeof digits, "%.12g", value);
    put(digits);
}

void event_begin(const char *kind)
{
    line.length = 0;
    line.comma = false;
    put("{");
    event_text("event", kind);
}

void event_text(const char *name, const char *value)
{
    put_name(name);
    put_quoted(value);
}

void event_flag(const char *name, bool value)
{
    put_name(name);
    put(value ? "true" : "false");
}

void event_count(const char *name, int64_t value)
{
    char digits[32];
    put_name(name);
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    put(digits);
}

void event_number(const char *name, double value)
{
    put_name(name);
    put_number(value);
}

void event_null(const char *name)
{
    put_name(name);
    put("null");
}

void event_numbers(const char *name, const double *values, int rows, int columns)
{
    put_name(name);
    put("[");
    for (int row = 0; row < (rows > 0 ? rows : 1); row++) {
        if (row > 0)
            put(",");
        if (rows > 0)
            put("[");
        for (int column = 0; column < columns; column++) {
            if (column > 0)
                put(",");
            put_number(values[(size_t)row * (size_t)columns + (size_t)column]);
        }
        if (rows > 0)
            put("]");
    }
    put("]");
}

void event_counts(const char *name, const int *values, int count)
{
    char digits[16];
    put_name(name);
    put("[");
    for (int i = 0; i < count; i++) {
        snprintf(digits, sizeof digits, i > 0 ? ",%d" : "%d", values[i]);
        put(digits);
    }
    put("]");
}

void event_open(const char *name)
{
    put_name(name);
    put("{");
    line.comma = false;
}

void event_close(void)
{
    put("}");
    line.comma = true;
}

void event_end(void)
{
    char sum[16];
    put("}");
    int written = snprintf(sum, sizeof sum, "\t%08x\n", (unsigned)crc32_of(line.text, line.length));
    put_bytes(sum, (size_t)written);
    /* The reader may have ended; then nobody receives the event. */
    if (fwrite(line.text, 1, line.length, stdout) != line.length || fflush(stdout) != 0)
        exit(EXIT_RUNTIME);
}

void fail(int code, const char *file, const char *what, ...)
{
    char text[512];
    va_list values;
    va_start(values, what);
    vsnprintf(text, sizeof text, what, values);
    va_end(values);
    event_begin("error");
    event_text("what", text);
    event_text("file", file);
    event_end();
    exit(code);
}
