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

enum { ELEMENT_FLOAT32 = 1, ELEMENT_INT8 = 9 }; /* two of LiteRT's types */

/* The inputs of a model, or its outputs, in the order of its signature. */
struct tensors {
    size_t count;
    void **buffers;
    struct tensor {
        int element; /* LiteRT's number of the type */
        size_t values, bytes;
    } *each;
};

struct litert_model {
    const char *path;
    void *model, *compiled;
    struct tensors inputs, outputs;
    bool whole_graph; /* XNNPACK runs every operator */
};

/* Initialise the library, and release it. */
void litert_open(void);
void litert_close(void);

/* Load a file; its inputs are zero. Tensors are of numbers or booleans, of fixed shapes, each in
 * separate memory. A failure writes an error event and ends the program. */
struct litert_model litert_load(const char *path, const struct litert_options *options);
void litert_unload(struct litert_model *model);

/* Run one inference, the timed part. Returns the library's status, 0 for success. */
int litert_run(struct litert_model *model);

/* Bytes of all inputs, or of all outputs. */
size_t bytes_of(const struct tensors *tensors);

/* Write one input; all of them, one after another; read all outputs. */
void litert_set_input(struct litert_model *model, size_t input, const void *values);
void litert_set_inputs(struct litert_model *model, const void *values);
void litert_get_outputs(struct litert_model *model, void *values);

/* Start the profiler of a model that was loaded with `profile`; return its summary as text, which
 * the caller frees. */
void litert_start_profile(struct litert_model *model);
char *litert_profile(struct litert_model *model);

#endif
