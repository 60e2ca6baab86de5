"""What the user wrote: files in, frozen values out."""
