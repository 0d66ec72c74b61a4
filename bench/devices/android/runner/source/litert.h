/* A .tflite model on LiteRT's C API with XNNPACK. The library's own headers are not in its wheels;
 * what of them is used is declared in litert.c. */
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
    size_t input_count, output_count; /* floats */
    bool whole_graph; /* XNNPACK took every operator */
};

/* Begin and end the library's use. */
void litert_open(void);
void litert_close(void);

/* Load a file of one float32 input and one float32 output, memory of its own, its input zero.
 * Every failure is an error event and the end of the program. */
struct litert_model litert_load(const char *path, const struct litert_options *options);
void litert_unload(struct litert_model *model);

/* One inference: what is timed, and nothing else. Returns the library's status, 0 for success. */
int litert_run(struct litert_model *model);

void litert_set_input(struct litert_model *model, const float *values);
void litert_get_output(struct litert_model *model, float *values);

/* The profiler of a model that was loaded with `profile`: start it, and sum up what it saw, in
 * text for the caller to free. */
void litert_start_profile(struct litert_model *model);
char *litert_profile(struct litert_model *model);

#endif
