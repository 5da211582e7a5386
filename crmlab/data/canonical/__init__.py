"""The canonical tables by subject: customers, sales, service, marketing."""
