# The CPU image: docker build -t ofabench . && docker run --rm -v "$PWD/runs:/runs" ofabench devices
# TORCH_INDEX: where pip finds torch's CPU build; PyPI's would bring gigabytes of CUDA libraries.
ARG PYTHON=3.11
FROM python:${PYTHON}-slim AS build
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:${PYTHON}-slim
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRAS=report,augment,quantizer,phone
COPY constraints.txt /tmp/constraints.txt
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt --index-url "$TORCH_INDEX" torch \
    && pip install --no-cache-dir --constraint /tmp/constraints.txt "$(ls /wheels/ofabench-*.whl)[$EXTRAS]" \
    && pip check \
    && rm -r /wheels /tmp/constraints.txt \
    && useradd --create-home --uid 1000 ofabench \
    && install --directory --owner ofabench /runs
USER 1000
WORKDIR /runs
ENTRYPOINT ["ofabench"]
CMD ["--help"]
