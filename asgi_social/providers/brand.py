"""The colour of a brand, and what is read on it."""


def text_on(color: str) -> str:
    """Give black or white, whichever is read better on a colour.

    >>> text_on("#181717"), text_on("#1ed760")
    ('#ffffff', '#000000')
    """
    return max("#ffffff", "#000000", key=lambda text: contrast(color, text))


def contrast(one: str, other: str) -> float:
    """Give the contrast of two colours, from 1 to 21; text needs 4.5.

    Source: WCAG 2.2, contrast ratio and relative luminance; success criterion 1.4.3.

    >>> round(contrast("#ffffff", "#000000"))
    21
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
