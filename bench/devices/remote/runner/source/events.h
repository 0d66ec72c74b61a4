/* Events: one JSON object a line, then a tab and zlib's CRC-32 of the object in hex digits. */
#ifndef OFABENCH_EVENTS_H
#define OFABENCH_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

enum { EXIT_BAD_INPUT = 3, EXIT_RUNTIME = 4 };

/* Begin an event of that kind, add its members, end it: it is written whole. Values are what
 * JSON can hold; a number that is not finite is written as null. */
void event_begin(const char *kind);
void event_text(const char *name, const char *value);
void event_flag(const char *name, bool value);
void event_count(const char *name, int64_t value);
void event_number(const char *name, double value);
void event_null(const char *name);
/* Rows of `columns` numbers; a single row without inner brackets where `rows` is 0. */
void event_numbers(const char *name, const double *values, int rows, int columns);
void event_counts(const char *name, const int *values, int count);
void event_open(const char *name); /* an object inside the event, until event_close */
void event_close(void);
void event_end(void);

/* Write an error event and end the program. `what` says what to do next, too. */
_Noreturn void fail(int code, const char *file, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

/* Memory that is there; the program ends where there is none. */
void *allocate(uint64_t count, uint64_t size);

#endif
