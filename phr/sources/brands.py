"""The directory's tables beside Portal: the names that people know, and the lists that told them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils import timezone


class EndpointList(models.Model):
    """A published list of endpoints, as it was read last."""

    # Its address, or the name of its file: what is loaded under the same name again takes its place.
    name = models.CharField(max_length=500, unique=True)
    # The profile id that whoever loaded it gave, "" for none; a refresh gives it again.
    vendor = models.CharField(max_length=64, blank=True)
    etag = models.CharField(max_length=200, blank=True)
    last_modified = models.CharField(max_length=64, blank=True)
    digest = models.BinaryField(null=True, editable=False)
    loaded_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"EndpointList #{self.pk}"


class Brand(models.Model):
    """A name that people know a portal by: one endpoint may serve one hospital or 17,000 practices."""

    portal = models.ForeignKey("sources.Portal", on_delete=models.CASCADE, related_name="brands")
    name = models.CharField(max_length=300)
    city = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=64, blank=True)
    postal_code = models.CharField(max_length=16, blank=True)
    # The name of the brand that it belongs to at last; "" where it stands for itself.
    parent = models.CharField(max_length=300, blank=True)
    logo_url = models.CharField(max_length=500, blank=True)
    # The page where its patients sign in, and what that is called there.
    portal_name = models.CharField(max_length=300, blank=True)
    portal_url = models.CharField(max_length=500, blank=True)
    # What the endpoint itself calls it, where many practices share one.
    practice = models.CharField(max_length=128, blank=True)
    # The name without case, accents and punctuation, and where it is, in as few letters as tell two apart.
    name_key = models.CharField(max_length=300)
    place_key = models.CharField(max_length=170, blank=True)
    words = SearchVectorField(editable=False)
    # Since when no list names it any more. It stays: somebody may be connected.
    unlisted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["portal", "name_key", "place_key", "practice"], name="brand_once_at_portal"
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="brand_has_name"),
            models.CheckConstraint(condition=~models.Q(name_key=""), name="brand_has_name_key"),
        ]
        indexes = [
            # Every word of what is typed, whole or begun.
            GinIndex(fields=["words"], name="brand_words", fastupdate=False),
            # What begins with what is typed, in the order of names: for the first letters, which fit so many.
            models.Index(fields=["name_key"], name="brand_name_key", opclasses=["text_pattern_ops"]),
        ]

    def __str__(self) -> str:
        return f"Brand #{self.pk} of portal #{self.portal_id}"


class ListedBrand(models.Model):
    """One list names one brand."""

    list = models.ForeignKey(EndpointList, on_delete=models.CASCADE, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["list", "brand"], name="listedbrand_once")]

    def __str__(self) -> str:
        return f"ListedBrand #{self.pk}"


class BrandWord(models.Model):
    """A word of the directory, with the spellings that a slip of the finger makes of it."""

    word = models.CharField(max_length=64, primary_key=True)
    # The word with one letter left out, each way: two words a slip apart have one of these in common.
    slips = ArrayField(models.CharField(max_length=64), editable=False)
    # How many brands have it: of two words equally near, the commoner is meant.
    brands = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [GinIndex(fields=["slips"], name="brandword_slips", fastupdate=False)]

    def __str__(self) -> str:
        return f"BrandWord {self.word}"
