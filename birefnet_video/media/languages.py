"""Languages of tracks, in the codes that a container keeps."""

#: MOV stores the bibliographic codes of ISO 639-2 and loses the terminologic ones.
_BIBLIOGRAPHIC = {
    "ces": "cze",
    "cym": "wel",
    "deu": "ger",
    "ell": "gre",
    "eus": "baq",
    "fas": "per",
    "fra": "fre",
    "hye": "arm",
    "isl": "ice",
    "kat": "geo",
    "mkd": "mac",
    "mri": "mao",
    "msa": "may",
    "mya": "bur",
    "nld": "dut",
    "ron": "rum",
    "slk": "slo",
    "sqi": "alb",
    "zho": "chi",
}


def language_tags(metadata: dict[str, str], muxer: str) -> dict[str, str]:
    """The metadata of a track with a language that ``muxer`` keeps."""
    if muxer != "mov" or "language" not in metadata:
        return metadata
    return {**metadata, "language": _BIBLIOGRAPHIC.get(metadata["language"], metadata["language"])}
