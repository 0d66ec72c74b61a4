/* A .tflite model on LiteRT's C API with XNNPACK. The library's wheels lack its headers; litert.c
 * declares the functions that are used. */
#ifndef OFABENCH_LITERT_H
#define OFABENCH_LITERT_H

#include <stdbool.h>
#include <stddef.h>

struct litert_options {
    int threads;
    bool fp16;    /* XNNPACK computes in half precision */
    bool profile; /* time every operator; for `litert_profile` alone */
};

struct litert_model {
    const char *path;
    void *model, *compiled;
    void *input, *output; /* tensor buffers */
    struct values {
        size_t count;
        bool int8; /* signed bytes, else float32 */
    } takes, gives;
    bool whole_graph; /* XNNPACK runs every operator */
};

/* Initialise the library, and release it. */
void litert_open(void);
void litert_close(void);

/* Load a file with one input (set to zero) and one output, each float32 or int8, in separate
 * memory. A failure writes an error event and ends the program. */
struct litert_model litert_load(const char *path, const struct litert_options *options);
void litert_unload(struct litert_model *model);

/* Run one inference, the timed part. Returns the library's status, 0 for success. */
int litert_run(struct litert_model *model);

/* Bytes of all values of an input or output. */
size_t bytes_of(struct values values);

void litert_set_input(struct litert_model *model, const void *values);
void litert_get_output(struct litert_model *model, void *values);

/* Start the profiler of a model that was loaded with `profile`; return its summary as text, which
 * the caller frees. */
void litert_start_profile(struct litert_model *model);
char *litert_profile(struct litert_model *model);

#endif
