"""One Pulumi stack per sandbox: up, refresh, destroy, and a sweep by label when all else is lost."""
