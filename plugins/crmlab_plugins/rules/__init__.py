"""What several classifications share: cut-points, lapse, stages, places, words, the wording of reasons."""
