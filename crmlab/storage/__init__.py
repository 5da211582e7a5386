"""Files that lie elsewhere: S3, Google Cloud Storage, Azure and WebDAV, reached through fsspec.

``addresses`` says what an address is, ``settings`` what a study sets about a storage, ``opening`` makes
the file system and puts its errors into words, ``fetching`` brings files here, ``private_folder`` keeps
them until the process ends.
"""
