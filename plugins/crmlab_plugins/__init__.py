"""The plugins that come with crmlab, registered through the same entry points as everybody's."""
