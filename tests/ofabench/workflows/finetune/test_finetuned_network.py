"""The record of a fine-tuning's options."""

from ofabench.options.finetune import FinetuneOptions
from ofabench.workflows.finetune.finetuned_network import recorded_options


def test_options_without_influence_on_the_result_are_not_recorded() -> None:
    plain = recorded_options(FinetuneOptions())

    assert plain == recorded_options(
        FinetuneOptions(
            resume=True, workers=1, checkpoint_every_s=1.0, compile=True, compile_limit_s=5.0
        )
    )
    assert plain != recorded_options(FinetuneOptions(epochs=3))
