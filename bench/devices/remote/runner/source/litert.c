#include "litert.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"

/* --- What is used of LiteRT 2's C API; handles are opaque. */

enum { OPTION_LOG_LEVEL = 25, KIND_INT = 2, LOG_SILENT = 4, CPU = 1 };
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

size_t bytes_of(const struct tensors *tensors)
{
    size_t bytes = 0;
    for (size_t i = 0; i < tensors->count; i++)
        bytes += tensors->each[i].bytes;
    return bytes;
}

/* Bytes of a value of LiteRT's types; 0 for one whose values have no fixed memory, or share it. */
static size_t value_bytes(int element)
{
    switch (element) {
    case 3: /* uint8 */
    case 6: /* bool */
    case ELEMENT_INT8:
        return 1;
    case 7: /* int16 */
    case 10: /* float16 */
    case 17: /* uint16 */
        return 2;
    case ELEMENT_FLOAT32:
    case 2: /* int32 */
    case 16: /* uint32 */
        return 4;
    case 4: /* int64 */
    case 11: /* float64 */
    case 13: /* uint64 */
        return 8;
    default:
        return 0;
    }
}

static struct tensor tensor_of(const struct tensor_type *type, const char *path)
{
    struct tensor tensor = {.element = type->element, .values = 1};
    size_t size = value_bytes(type->element);
    if (size == 0 || type->layout.rank > MOST_RANK)
        fail(EXIT_BAD_INPUT, path, "a tensor is of type %d, expected numbers or booleans of at most "
             "%d dimensions", type->element, MOST_RANK);
    for (unsigned i = 0; i < type->layout.rank; i++) {
        int32_t side = type->layout.dimensions[i];
        if (side < 1 || tensor.values > (SIZE_MAX / sizeof(double)) / (size_t)side)
            fail(EXIT_BAD_INPUT, path, "a tensor has side %d; export it with fixed shapes", (int)side);
        tensor.values *= (size_t)side;
    }
    tensor.bytes = tensor.values * size;
    return tensor;
}

typedef int count_of(void *signature, size_t *count);
typedef int by_index(void *signature, size_t index, void **tensor);
typedef int requirements_of(void *compiled, size_t signature, size_t index, void **found);

static struct tensors tensors_for(const struct litert_model *model, void *signature, count_of *count,
                                  by_index *tensor_at, requirements_of *requirements)
{
    struct tensors made = {0};
    must(count(signature, &made.count), model->path, "count its tensors");
    made.buffers = allocate(made.count, sizeof *made.buffers);
    made.each = allocate(made.count, sizeof *made.each);
    for (size_t i = 0; i < made.count; i++) {
        struct tensor_type type;
        void *tensor = NULL, *needs = NULL;
        memset(&type, 0, sizeof type);
        must(tensor_at(signature, i, &tensor), model->path, "find its tensors");
        must(LiteRtGetRankedTensorType(tensor, &type), model->path, "read its tensors' shapes");
        made.each[i] = tensor_of(&type, model->path);
        must(requirements(model->compiled, 0, i, &needs), model->path,
             "read its buffer requirements");
        must(LiteRtCreateManagedTensorBufferFromRequirements(environment, &type, needs,
                                                             &made.buffers[i]),
             model->path, "make its buffers");
    }
    return made;
}

static void free_tensors(struct tensors *tensors)
{
    for (size_t i = 0; i < tensors->count; i++)
        LiteRtDestroyTensorBuffer(tensors->buffers[i]);
    free(tensors->buffers);
    free(tensors->each);
}

struct litert_model litert_load(const char *path, const struct litert_options *options)
{
    struct litert_model made = {.path = path};
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
    made.inputs = tensors_for(&made, signature, LiteRtGetNumSignatureInputs,
                              LiteRtGetSignatureInputTensorByIndex,
                              LiteRtGetCompiledModelInputBufferRequirements);
    made.outputs = tensors_for(&made, signature, LiteRtGetNumSignatureOutputs,
                               LiteRtGetSignatureOutputTensorByIndex,
                               LiteRtGetCompiledModelOutputBufferRequirements);
    return made;
}

void litert_unload(struct litert_model *model)
{
    free_tensors(&model->inputs);
    free_tensors(&model->outputs);
    LiteRtDestroyCompiledModel(model->compiled);
    LiteRtDestroyModel(model->model);
}

int litert_run(struct litert_model *model)
{
    return LiteRtRunCompiledModel(model->compiled, 0, model->inputs.count, model->inputs.buffers,
                                  model->outputs.count, model->outputs.buffers);
}

void litert_set_input(struct litert_model *model, size_t input, const void *values)
{
    void *address = NULL, *buffer = model->inputs.buffers[input];
    must(LiteRtLockTensorBuffer(buffer, &address, LOCK_WRITE), model->path, "fill its inputs");
    memcpy(address, values, model->inputs.each[input].bytes);
    must(LiteRtUnlockTensorBuffer(buffer), model->path, "fill its inputs");
}

void litert_set_inputs(struct litert_model *model, const void *values)
{
    const char *place = values;
    for (size_t i = 0; i < model->inputs.count; i++) {
        litert_set_input(model, i, place);
        place += model->inputs.each[i].bytes;
    }
}

void litert_get_outputs(struct litert_model *model, void *values)
{
    char *place = values;
    for (size_t i = 0; i < model->outputs.count; i++) {
        void *address = NULL, *buffer = model->outputs.buffers[i];
        must(LiteRtLockTensorBuffer(buffer, &address, LOCK_READ), model->path, "give its outputs");
        memcpy(place, address, model->outputs.each[i].bytes);
        must(LiteRtUnlockTensorBuffer(buffer), model->path, "give its outputs");
        place += model->outputs.each[i].bytes;
    }
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
