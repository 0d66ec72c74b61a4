"""Models of the corpus: those to fit on, small ones, and fresh ones.

The families in `FRESH` were chosen before anything was fitted; no fit, setting or choice of the
product ever used them.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

SIZE = 160  # of images, where no other is named
FIT, SMALL, FRESH_ROLE = "fit", "small", "fresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One model: `source` is timm, torchvision, segmentation or own; `size` of its image."""

    model: str
    family: str
    role: str
    source: str
    size: int

    @property
    def name(self) -> str:
        return f"{self.model}-{self.size}" if self.source != "own" else self.model


# family: models of timm, with an image size where it is not SIZE
TIMM_FIT = {
    "resnet": "resnet10t resnet14t resnet18 resnet26 resnet34 resnet50:128",
    "resnext": "resnext26ts resnext50_32x4d:128 seresnext26d_32x4d",
    "seresnet": "seresnet18 seresnet34:128 seresnet50:128",
    "mobilenetv1": "mobilenetv1_100 mobilenetv1_125",
    "mobilenetv2": "mobilenetv2_050 mobilenetv2_075 mobilenetv2_100:224 mobilenetv2_120d",
    "mobilenetv3": "mobilenetv3_small_075 mobilenetv3_small_100:224 mobilenetv3_large_075 "
    "mobilenetv3_large_100:224",
    "efficientnet": "efficientnet_b0 efficientnet_b1 efficientnet_lite0:224 efficientnet_lite1 "
    "efficientnet_es",
    "mnasnet": "mnasnet_050:224 mnasnet_100 mnasnet_140 semnasnet_075 semnasnet_100:192",
    "fbnet": "fbnetc_100 fbnetv3_b spnasnet_100:192",
    "hardcorenas": "hardcorenas_a hardcorenas_c:192 hardcorenas_e",
    "tinynet": "tinynet_a tinynet_b tinynet_c:224",
    "lcnet": "lcnet_075:224 lcnet_100 lcnet_150",
    "mixnet": "mixnet_s mixnet_m",
    "ghostnet": "ghostnet_100 ghostnet_130 ghostnetv2_100",
    "rexnet": "rexnet_100 rexnet_130 rexnetr_100",
    "regnetx": "regnetx_002:224 regnetx_004 regnetx_006 regnetx_008 regnetx_016",
    "regnety": "regnety_002 regnety_004:224 regnety_006 regnety_008",
    "densenet": "densenet121 densenet169:128",
    "repvgg": "repvgg_a0 repvgg_a1:128",
    "dla": "dla34 dla46_c dla46x_c:224 dla60x_c",
    "hrnet": "hrnet_w18_small:128 hrnet_w18_small_v2:128",
    "res2net": "res2net50_48w_2s:128 res2net50_26w_4s:128",
    "vovnet": "ese_vovnet19b_dw ese_vovnet19b_slim ese_vovnet19b_slim_dw:224",
    "csp": "darknet21:128 cspresnet50:128 cspdarknet53:128",
    "convnext": "convnext_atto convnext_femto:224 convnext_pico convnext_nano:128",
    "vit": "vit_tiny_patch16_224:224 vit_small_patch32_224:224 deit_small_patch16_224:224",
    "mlp": "mixer_s32_224:224 mixer_s16_224:224 gmlp_ti16_224:224 resmlp_12_224:224",
    "mobilevit": "mobilevit_xxs mobilevit_xs mobilevitv2_050 mobilevitv2_075",
    "edgenext": "edgenext_xx_small edgenext_x_small",
    "poolformer": "poolformer_s12 poolformerv2_s12:128",
    "pvt": "pvt_v2_b0 pvt_v2_b1:128",
    "swin": "swin_tiny_patch4_window7_224:224 swin_s3_tiny_224:224",
    "levit": "levit_128s:224 levit_128:224",
}
OTHER_FIT = {
    "torchvision": {
        "shufflenet": "shufflenet_v2_x0_5:224 shufflenet_v2_x1_0 shufflenet_v2_x1_5 "
        "shufflenet_v2_x2_0",
        "squeezenet": "squeezenet1_0 squeezenet1_1:224",
        "inception": "googlenet inception_v3",
    },
    "segmentation": {"segmentation": "lraspp_mobilenet_v3_large deeplabv3_mobilenet_v3_large:128"},
    "own": {
        "vgg": "vgg11_96 vgg11_bn_128",
        "unet": "unet_8 unet_12 unet_16",
        "recurrent": "lstm_128 lstm_256 gru_192",
        "text": "text_128 text_256 text_384",
        "conv1d": "conv1d_64 conv1d_128 conv1d_192",
        "conv3d": "conv3d_16 conv3d_24",
        "decoder": "decoder_32 decoder_64",
    },
}
FRESH = {
    "repvit": "repvit_m0_9 repvit_m1_1",
    "mobileone": "mobileone_s0",
    "fastvit": "fastvit_t8",
    "starnet": "starnet_s1:224 starnet_s3",
    "shvit": "shvit_s1:224",
    "efficientvit_m": "efficientvit_m1:224",
    "efficientvit_b": "efficientvit_b0 efficientvit_b1",
    "hgnet": "hgnetv2_b0 hgnetv2_b1",
    "gernet": "gernet_s",
    "sknet": "skresnet18",
    "selecsls": "selecsls42:128",
    "dpn": "dpn48b:128",
    "resnest": "resnest14d",
    "xcit": "xcit_nano_12_p16_224:224",
    "swiftformer": "swiftformer_xs:224",
    "repghost": "repghostnet_100:224",
    "mambaout": "mambaout_femto:128",
    "inception_next": "inception_next_atto",
    "coat": "coat_lite_tiny:224",
    "visformer": "visformer_tiny:224",
}
TIMM_SMALL = {
    "lcnet": "lcnet_035:64 lcnet_050:96 lcnet_075:128",
    "mobilenetv2": "mobilenetv2_035:64 mobilenetv2_035:128 mobilenetv2_050:96",
    "mobilenetv3": "mobilenetv3_small_050:64 mobilenetv3_small_050:128 mobilenetv3_small_075:96",
    "tinynet": "tinynet_e:64 tinynet_d:96 tinynet_e:106",
    "mnasnet": "mnasnet_small:64 mnasnet_small:128",
    "resnet": "resnet10t:48 resnet14t:48",
    "regnetx": "regnetx_002:64",
    "regnety": "regnety_002:64",
}
OTHER_SMALL = {
    "torchvision": {"shufflenet": "shufflenet_v2_x0_5:64", "squeezenet": "squeezenet1_1:64"},
    "own": {
        "plain": "lenet mlp_256 mlp_1024",
        "recurrent": "lstm_32",
        "text": "text_64",
        "conv1d": "conv1d_16",
        "keyword": "keyword_32 keyword_64",
    },
}
# Converting takes 20 s a model, so of these families a few models are TFLite files too.
TFLITE_FAMILIES = (
    *("resnet", "mobilenetv1", "mobilenetv2", "mobilenetv3", "mnasnet", "lcnet", "tinynet"),
    *("squeezenet", "regnetx", "repvgg", "unet", "conv1d", "plain", "keyword"),
    *("efficientnet", "fbnet", "hardcorenas", "vovnet", "text"),
    *("starnet", "mobileone", "gernet", "hgnet", "repvit", "repghost", "inception_next"),
)
TFLITE_OF_FAMILY = 3


def catalogue() -> list[Entry]:
    """Return every model, each once, in a fixed order."""
    entries = [*_entries(TIMM_FIT, FIT, "timm"), *_entries(FRESH, FRESH_ROLE, "timm")]
    entries += _entries(TIMM_SMALL, SMALL, "timm")
    for role, sources in ((FIT, OTHER_FIT), (SMALL, OTHER_SMALL)):
        for source, families in sources.items():
            entries += _entries(families, role, source)
    return entries


def tflite_entries() -> list[Entry]:
    """Return the models that are converted to TFLite."""
    taken: Counter[str] = Counter()
    entries = []
    for entry in catalogue():
        taken[entry.family] += 1
        if entry.family in TFLITE_FAMILIES and taken[entry.family] <= TFLITE_OF_FAMILY:
            entries.append(entry)
    return entries


def _entries(families: dict[str, str], role: str, source: str) -> Iterator[Entry]:
    for family, models in families.items():
        for model in models.split():
            name, _, size = model.partition(":")
            yield Entry(model=name, family=family, role=role, source=source, size=int(size or SIZE))
