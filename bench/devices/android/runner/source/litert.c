#include "litert.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"

/* --- What is used of LiteRT 2's C API; handles are opaque. */

enum { OPTION_LOG_LEVEL = 25, KIND_INT = 2, LOG_SILENT = 4, CPU = 1 };
enum { ELEMENT_FLOAT32 = 1, ELEMENT_INT8 = 9 };
enum { LOCK_READ = 0, LOCK_WRITE = 1, XNNPACK_FORCE_FP16 = 4, MOST_RANK = 8 };

struct environment_option {
    int tag;
    struct {
        int kind;
        union {
            int64_t integer;
            void *pointer;
        } value;
    } any;
};

struct tensor_type {
    int element;
    struct {
        unsigned rank : 7, has_strides : 1;
        int32_t dimensions[MOST_RANK];
        uint32_t strides[MOST_RANK];
    } layout;
};

_Static_assert(sizeof(struct environment_option) == 24, "as the library lays it out");
_Static_assert(sizeof(struct tensor_type) == 72, "as the library lays it out");

int LiteRtCreateEnvironment(int count, const struct environment_option *options, void **made);
void LiteRtDestroyEnvironment(void *environment);
int LiteRtCreateModelFromFile(void *environment, const char *path, void **made);
void LiteRtDestroyModel(void *model);
int LiteRtCreateOptions(void **made);
void LiteRtDestroyOptions(void *options);
int LiteRtSetOptionsHardwareAccelerators(void *options, int accelerators);
int LiteRtCreateOpaqueOptions(const char *name, void *payload, void (*release)(void *), void **made);
int LiteRtAddOpaqueOptions(void *options, void *opaque);
int LiteRtCreateCompiledModel(void *environment, void *model, void *options, void **made);
void LiteRtDestroyCompiledModel(void *compiled);
int LiteRtCompiledModelIsFullyAccelerated(void *compiled, bool *fully);
int LiteRtGetModelSignature(void *model, size_t index, void **signature);
int LiteRtGetNumSignatureInputs(void *signature, size_t *count);
int LiteRtGetNumSignatureOutputs(void *signature, size_t *count);
int LiteRtGetSignatureInputTensorByIndex(void *signature, size_t index, void **tensor);
int LiteRtGetSignatureOutputTensorByIndex(void *signature, size_t index, void **tensor);
int LiteRtGetRankedTensorType(void *tensor, struct tensor_type *type);
int LiteRtGetCompiledModelInputBufferRequirements(void *compiled, size_t signature, size_t index,
                                                  void **requirements);
int LiteRtGetCompiledModelOutputBufferRequirements(void *compiled, size_t signature, size_t index,
                                                   void **requirements);
int LiteRtCreateManagedTensorBufferFromRequirements(void *environment,
                                                    const struct tensor_type *type,
                                                    void *requirements, void **made);
void LiteRtDestroyTensorBuffer(void *buffer);
int LiteRtLockTensorBuffer(void *buffer, void **address, int mode);
int LiteRtUnlockTensorBuffer(void *buffer);
int LiteRtRunCompiledModel(void *compiled, size_t signature, size_t inputs, void **given,
                           size_t outputs, void **made);
int LiteRtCompiledModelGetProfiler(void *compiled, void **profiler);
int LiteRtStartProfiler(void *profiler);
int LiteRtStopProfiler(void *profiler);
int LiteRtGetProfileSummary(void *profiler, void *compiled, char **summary);

/* --- */

static void *environment;

static void must(int status, const char *path, const char *step)
{
    if (status != 0)
        fail(EXIT_RUNTIME, path,
             "LiteRT cannot %s (status %d); is it a whole .tflite file that this version runs?", step,
             status);
}

void litert_open(void)
{
    const struct environment_option silent = {OPTION_LOG_LEVEL, {KIND_INT, {LOG_SILENT}}};
    must(LiteRtCreateEnvironment(1, &silent, &environment), "", "start");
}

void litert_close(void)
{
    LiteRtDestroyEnvironment(environment);
}

static void add_text_option(void *options, const char *path, const char *name, const char *text)
{
    void *opaque = NULL;
    size_t size = strlen(text) + 1;
    char *copy = allocate(size, 1);
    memcpy(copy, text, size);
    must(LiteRtCreateOpaqueOptions(name, copy, free, &opaque), path, "make options");
    must(LiteRtAddOpaqueOptions(options, opaque), path, "take options");
}

static void *compile(void *model, const char *path, const struct litert_options *wanted)
{
    void *options = NULL, *compiled = NULL;
    char text[128];
    int length = snprintf(text, sizeof text, "kernel_mode = \"delegate\"\nnum_threads = %d\n",
                          wanted->threads);
    if (wanted->fp16)
        snprintf(text + length, sizeof text - (size_t)length, "flags = %d\n", XNNPACK_FORCE_FP16);
    must(LiteRtCreateOptions(&options), path, "make options");
    must(LiteRtSetOptionsHardwareAccelerators(options, CPU), path, "take options");
    add_text_option(options, path, "xnnpack", text);
    if (wanted->profile)
        add_text_option(options, path, "runtime_options_string", "enable_profiling = true\n");
    must(LiteRtCreateCompiledModel(environment, model, options, &compiled), path, "compile it");
    LiteRtDestroyOptions(options);
    return compiled;
}

size_t bytes_of(struct values values)
{
    return values.count * (values.int8 ? 1 : sizeof(float));
}

/* Values of a tensor; the model's author must have meant images or scores. */
static struct values values_in(const struct tensor_type *type, const char *path)
{
    size_t count = 1;
    bool int8 = type->element == ELEMENT_INT8;
    if ((type->element != ELEMENT_FLOAT32 && !int8) || type->layout.rank > MOST_RANK)
        fail(EXIT_BAD_INPUT, path, "its tensors are neither float32 nor int8; export it as these");
    for (unsigned i = 0; i < type->layout.rank; i++) {
        int32_t side = type->layout.dimensions[i];
        if (side < 1 || count > (SIZE_MAX / sizeof(float)) / (size_t)side)
            fail(EXIT_BAD_INPUT, path, "a tensor has side %d; export it with a fixed batch", (int)side);
        count *= (size_t)side;
    }
    return (struct values){count, int8};
}

typedef int by_index(void *signature, size_t index, void **tensor);
typedef int requirements_of(void *compiled, size_t signature, size_t index, void **found);

static void *buffer_for(struct litert_model *model, void *signature, by_index *tensor_at,
                        requirements_of *requirements, struct values *values)
{
    struct tensor_type type;
    void *tensor = NULL, *needs = NULL, *buffer = NULL;
    memset(&type, 0, sizeof type);
    must(tensor_at(signature, 0, &tensor), model->path, "find its tensors");
    must(LiteRtGetRankedTensorType(tensor, &type), model->path, "read its tensors' shapes");
    *values = values_in(&type, model->path);
    must(requirements(model->compiled, 0, 0, &needs), model->path, "read its buffer requirements");
    must(LiteRtCreateManagedTensorBufferFromRequirements(environment, &type, needs, &buffer),
         model->path, "make its buffers");
    return buffer;
}

struct litert_model litert_load(const char *path, const struct litert_options *options)
{
    struct litert_model made = {.path = path};
    size_t inputs = 0, outputs = 0;
    void *signature = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail(EXIT_BAD_INPUT, path, "cannot read the model file; push it again");
    fclose(file);
    must(LiteRtCreateModelFromFile(environment, path, &made.model), path, "read the model file");
    made.compiled = compile(made.model, path, options);
    must(LiteRtCompiledModelIsFullyAccelerated(made.compiled, &made.whole_graph), path,
         "read its delegate");
    must(LiteRtGetModelSignature(made.model, 0, &signature), path, "find its signature");
    must(LiteRtGetNumSignatureInputs(signature, &inputs), path, "count its inputs");
    must(LiteRtGetNumSignatureOutputs(signature, &outputs), path, "count its outputs");
    if (inputs != 1 || outputs != 1)
        fail(EXIT_BAD_INPUT, path, "it has %zu inputs and %zu outputs, expected one of each", inputs,
             outputs);
    made.input = buffer_for(&made, signature, LiteRtGetSignatureInputTensorByIndex,
                            LiteRtGetCompiledModelInputBufferRequirements, &made.takes);
    made.output = buffer_for(&made, signature, LiteRtGetSignatureOutputTensorByIndex,
                             LiteRtGetCompiledModelOutputBufferRequirements, &made.gives);
    return made;
}

void litert_unload(struct litert_model *model)
{
    LiteRtDestroyTensorBuffer(model->input);
    LiteRtDestroyTensorBuffer(model->output);
    LiteRtDestroyCompiledModel(model->compiled);
    LiteRtDestroyModel(model->model);
}

int litert_run(struct litert_model *model)
{
    return LiteRtRunCompiledModel(model->compiled, 0, 1, &model->input, 1, &model->output);
}

void litert_set_input(struct litert_model *model, const void *values)
{
    void *address = NULL;
    must(LiteRtLockTensorBuffer(model->input, &address, LOCK_WRITE), model->path, "fill its input");
    memcpy(address, values, bytes_of(model->takes));
    must(LiteRtUnlockTensorBuffer(model->input), model->path, "fill its input");
}

void litert_get_output(struct litert_model *model, void *values)
{
    void *address = NULL;
    must(LiteRtLockTensorBuffer(model->output, &address, LOCK_READ), model->path, "give its output");
    memcpy(values, address, bytes_of(model->gives));
    must(LiteRtUnlockTensorBuffer(model->output), model->path, "give its output");
}

static void *profiler_of(struct litert_model *model)
{
    void *profiler = NULL;
    must(LiteRtCompiledModelGetProfiler(model->compiled, &profiler), model->path, "profile");
    return profiler;
}

void litert_start_profile(struct litert_model *model)
{
    must(LiteRtStartProfiler(profiler_of(model)), model->path, "profile");
}

char *litert_profile(struct litert_model *model)
{
    char *summary = NULL;
    void *profiler = profiler_of(model);
    must(LiteRtStopProfiler(profiler), model->path, "end the profile");
    must(LiteRtGetProfileSummary(profiler, model->compiled, &summary), model->path, "sum up");
    return summary;
}
